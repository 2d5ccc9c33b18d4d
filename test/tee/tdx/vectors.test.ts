import { describe, expect, test } from "bun:test";
import type { TrustAnchor } from "../../../src/tee/index.ts";
import { builtInAnchors, parseBundle, type QuoteVerdict, VerificationCache, verifyQuote } from "../../../src/tee/tdx/index.ts";
import { type Attempt, attemptsOf, expectations, firstWord, load } from "./expectations.ts";
import { changed, errorId, haveVectors, reasonOf, vector, vectorText } from "./testing.ts";

const cache = new VerificationCache();
const verify = ({ quote, bundle, now }: Attempt, anchors: readonly TrustAnchor[], resealFallback = true): QuoteVerdict =>
  verifyQuote(quote, parseBundle(JSON.stringify(bundle)), { now, anchors, expired: "reject", resealFallback, cache });

const isDebug = ({ quote: { body } }: QuoteVerdict): boolean =>
  body.kind === "td" ? (body.report.tdAttributes[0]! & 1) === 1 : (body.report.attributes[0]! & 2) === 2;

describe.skipIf(!haveVectors)("quotes of real machines", () => {
  for (const each of expectations?.positives ?? []) {
    test(`${each.name}: ${each.expect.verdict} ${each.expect.reason ?? ""}`, () => {
      if (each.expect.verdict === "reject") {
        expect(reasonOf(errorId(() => verify(load(each), builtInAnchors())))).toBe(each.expect.reason);
        return;
      }
      const verdict = verify(load(each), builtInAnchors());
      const { launch, current } = verdict.tcb;
      expect(launch.status as string).toBe(firstWord(each.expect.verdict));
      expect(isDebug(verdict)).toBe(each.expect.verdict.includes("debug"));
      expect(verdict.chain.anchor.simulated).toBe(false);
      const intel = each.intel_info!;
      expect([launch.status, current.status] as string[]).toEqual([intel.launchStatus, intel.currentStatus]);
      expect([launch.date, current.date]).toEqual([Date.parse(intel.launchTcbDate) / 1000, Date.parse(intel.currentTcbDate) / 1000]);
      expect(launch.advisories).toEqual([...intel.launchAdvisories].sort());
      expect(current.advisories).toEqual([...intel.currentAdvisories].sort());
    });
  }

  test("an SGX quote is refused under ids of its own", () => {
    const each = expectations!.positives.find(({ quote }) => quote.includes("sgx-v3"))!;
    const attempt = load(each);
    attempt.quote = changed(attempt.quote, (quote) => {
      quote[48 + 64]! ^= 1;
    });
    expect(errorId(() => verify(attempt, builtInAnchors()))).toBe("sgx.quote-signature-invalid");
  });

  test("Intel's sample chain does not lead to Intel's production root", () => {
    const attempt = load(expectations!.negativesBase);
    attempt.quote = vector("intel-sgx-sample/quote.dat");
    attempt.bundle["pck_certificate_chain"] = vectorText("intel-sgx-sample/pckCert.pem") + vectorText("intel-sgx-sample/pckSignChain.pem");
    expect(errorId(() => verify(attempt, builtInAnchors()))).toBe("sgx.untrusted-root");
  });

  test("a quote of Intel's machines does not verify under a simulated root alone", () => {
    const simulated = [{ certificate: vector("simulated/root.der"), simulated: true }];
    expect(errorId(() => verify(load(expectations!.negativesBase), simulated))).toBe("tdx.untrusted-root");
  });
});

describe.skipIf(!haveVectors)("what was made wrong on purpose", () => {
  for (const { name, edit, expect: expected } of expectations?.negatives ?? []) {
    test(`${name} (${edit}): ${firstWord(expected)}`, () => {
      for (const attempt of attemptsOf(edit)) {
        const accepted = expected.startsWith("accept");
        expect(reasonOf(errorId(() => verify(attempt, builtInAnchors())))).toBe(accepted ? undefined : firstWord(expected));
        if (name === "tcbinfo-pretty-printed") {
          expect(errorId(() => verify(attempt, builtInAnchors(), false))).toBe("tdx.tcb-info-signature-invalid");
        }
      }
    });
  }
});

describe.skipIf(!haveVectors)("quotes of simulated machines", () => {
  const anchors = (): TrustAnchor[] => [{ certificate: vector(expectations!.simulated.trustAnchor), simulated: true }];

  for (const each of expectations?.simulated.cases ?? []) {
    test(`${each.name}: ${each.expect}`, () => {
      const rejected = /^reject: ([\w-]+)$/.exec(each.expect)?.[1];
      if (rejected !== undefined) {
        expect(errorId(() => verify(load(each), anchors()))).toBe(`tdx.${rejected}`);
        return;
      }
      const verdict = verify(load(each), anchors());
      expect(verdict.tcb.launch.status as string).toBe(firstWord(each.expect));
      expect(isDebug(verdict)).toBe(each.expect.includes("debug"));
      expect(verdict.chain.anchor.simulated).toBe(true);
    });
  }

  test("none of them verifies under Intel's root", () => {
    for (const each of expectations!.simulated.cases) {
      expect(errorId(() => verify(load(each), builtInAnchors()))).toBe("tdx.untrusted-root");
    }
  });
});
