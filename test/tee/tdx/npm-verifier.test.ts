import { describe, expect, test } from "bun:test";
import { type Collateral as NpmCollateral, QuoteVerifier } from "@phala/dcap-qvl";
import fc from "fast-check";
import type { TrustAnchor } from "../../../src/tee/index.ts";
import {
  builtInAnchors,
  parseBundle,
  parseQuote,
  type SimulatedKnobs,
  SimulatedPlatform,
  VerificationCache,
  verifyQuote,
} from "../../../src/tee/tdx/index.ts";
import { type Attempt, attemptsOf, expectations, load } from "./expectations.ts";
import { changed, haveVectors, NOW, REPORT_DATA, SEED, vector } from "./testing.ts";

// The same input to this verifier and to an independent one. Where they differ, the manufacturer's own library decides, and it agrees with this one
// (tdx.md, introduction): each difference is named here with its reason, so that a new one, on either side, is seen.

type Answer = { readonly status: string; readonly advisories: readonly string[] } | "refused";

const cache = new VerificationCache();

function ours({ quote, bundle, now }: Attempt, anchors: readonly TrustAnchor[]): Answer {
  try {
    const { launch } = verifyQuote(quote, parseBundle(JSON.stringify(bundle)), { now, anchors, expired: "reject", cache }).tcb;
    return { status: launch.status, advisories: launch.advisories };
  } catch {
    return "refused";
  }
}

function theirs({ quote, bundle, now }: Attempt, [anchor]: readonly TrustAnchor[]): Answer {
  try {
    const verified = new QuoteVerifier(Buffer.from(anchor!.certificate)).verify(quote, bundle as unknown as NpmCollateral, now);
    return { status: verified.status, advisories: [...verified.advisory_ids].sort() };
  } catch {
    return "refused";
  }
}

/** Where the answers differ and why ours is right. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  "google-cos113": "compares TDX components 0 and 1 of a module that is judged by its identity",
  "google-cos113@2025-10": "the same",
  "trustee-az-td": "compares all components, and refuses a TD with SEPT_VE_DISABLE clear",
  "automata-aliyun5": "refuses a TD with a service TD bound to it",
  "trustee-quote_4-debug": "refuses a debug TD, which is the policy's business",
  "automata-solana-sgx": "refuses a debug enclave, which is the policy's business",
  "outer-cert-type-5": "does not look at the type of the outer certification data",
  "tcbinfo-pretty-printed": "knows the exact text only",
  "crl-expires-first": "does not look at the dates of revocation lists",
  "processor-crl": "does not look at who issued a revocation list",
  "pck-crl-signature": "does not look at the signature of a revocation list",
  "pck-crl-old": "does not look at the dates of revocation lists",
  "root-crl-old": "the same",
  "root-crl-garbage": "takes what is no revocation list for one that is empty",
  "crls-swapped": "does not look at who issued a revocation list",
  "debug-td": "refuses a debug TD",
  "module-outofdate": "does not look at the levels of TDX modules",
  "module-swh-outofdate": "the same",
  "module-revoked": "the same",
  relaunch: "does not look at the module that runs now",
  "svctd-nonzero": "refuses a TD with a service TD bound to it",
};

const compared = new Set<string>();

function compare(name: string, attempts: readonly Attempt[], anchors: readonly TrustAnchor[]): void {
  for (const attempt of attempts) {
    const answers = [ours(attempt, anchors), theirs(attempt, anchors)];
    if (Object.hasOwn(DIFFERENCES, name)) expect(answers[0]).not.toEqual(answers[1]!);
    else expect(answers[0]).toEqual(answers[1]!);
  }
  compared.add(name);
}

describe.skipIf(!haveVectors)("beside the npm verifier", () => {
  const simulated = (): TrustAnchor[] => [{ certificate: vector(expectations!.simulated.trustAnchor), simulated: true }];
  const titled = (name: string): string =>
    `${name}: ${DIFFERENCES[name] === undefined ? "the same answer" : `differs, it ${DIFFERENCES[name]}`}`;

  /** The answer that the vectors record, for example `OutOfDate [INTEL-SA-00960,INTEL-SA-00982]`. */
  const recorded = (text: string): Answer => {
    const [, status, advisories] = /^(\w+) \[(.*)\]$/.exec(text) ?? [];
    return status === undefined ? "refused" : { status, advisories: advisories === "" ? [] : advisories!.split(",").sort() };
  };

  for (const each of expectations?.positives ?? []) {
    test(titled(each.name), () => {
      compare(each.name, [load(each)], builtInAnchors());
      expect(theirs(load(each), builtInAnchors())).toEqual(recorded(each.npm_dcap_qvl_0_3_9));
    });
  }
  for (const { name, edit } of expectations?.negatives ?? []) {
    test(titled(name), () => compare(name, attemptsOf(edit), builtInAnchors()));
  }
  for (const each of expectations?.simulated.cases ?? []) {
    test(titled(each.name), () => {
      compare(each.name, [load(each)], simulated());
      expect(theirs(load(each), simulated())).toEqual(recorded(each.npm_dcap_qvl_0_3_9));
    });
  }
  test("every difference that is named was seen", () => {
    expect(Object.keys(DIFFERENCES).filter((name) => !compared.has(name))).toEqual([]);
  });

  test("any one changed byte of what is signed is refused by both, in quotes of real machines", () => {
    const bases = expectations!.positives.filter(
      ({ expect: { verdict }, name }) => verdict !== "reject" && DIFFERENCES[name] === undefined,
    );
    fc.assert(
      fc.property(fc.constantFrom(...bases), fc.nat(), fc.integer({ min: 1, max: 255 }), (base, place, by) => {
        const attempt = load(base);
        // Up to the certification data: what comes after is text, and after it padding that nothing signs.
        const end = Buffer.from(attempt.quote).indexOf("-----BEGIN CERTIFICATE-----");
        const at = place % end;
        const bent = {
          ...attempt,
          quote: changed(attempt.quote, (quote) => {
            quote[at]! ^= by;
          }),
        };
        expect([ours(bent, builtInAnchors()), ours(attempt, builtInAnchors()) === "refused"]).toEqual(["refused", false]);
        // It looks at sizes as far as it reads, and not whether they fit; nor at the outer certification type of version 4 and 5.
        const size = parseQuote(attempt.quote).signed.length;
        const outer = size + 4 + 64 + 64;
        const loose = (at >= size && at < size + 4) || (at >= outer && at < outer + 6) || at >= end - 4;
        if (!loose) expect(theirs(bent, builtInAnchors())).toBe("refused");
      }),
      { numRuns: 300 },
    );
  });
});

describe("beside the npm verifier, machines of the simulator", () => {
  const compareKnobs = (knobs: Partial<SimulatedKnobs>, version: 3 | 4 | 5): readonly [Answer, Answer] => {
    const platform = SimulatedPlatform.create({ seed: SEED, now: NOW, knobs });
    const quote = version === 3 ? platform.enclaveQuote({ reportData: REPORT_DATA }) : platform.quote({ reportData: REPORT_DATA, version });
    const bundle = JSON.parse(platform.bundle(version === 3 ? "sgx" : "tdx")) as Record<string, string>;
    const anchors = [{ certificate: platform.anchorDer, simulated: true }];
    return [ours({ quote, bundle, now: NOW }, anchors), theirs({ quote, bundle, now: NOW }, anchors)];
  };

  test("of any security versions and statuses get the same answer", () => {
    const status = fc.constantFrom("UpToDate", "SWHardeningNeeded", "OutOfDate", "OutOfDateConfigurationNeeded", "Revoked");
    const knobs = fc.record(
      {
        components: fc
          .array(fc.integer({ min: 0, max: 4 }), { minLength: 8, maxLength: 8 })
          .map((svns) => [...svns, ...Array<number>(8).fill(0)]),
        pceSvn: fc.integer({ min: 10, max: 14 }),
        qeSvn: fc.integer({ min: 3, max: 7 }),
        platformStatus: fc.tuple(status, status),
        revoked: fc.subarray(["pck", "intermediate", "tcb-signing"] as const),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(knobs, fc.constantFrom(3, 4, 5), (each, version) => {
        const [own, other] = compareKnobs(each, version);
        expect(own).toEqual(other);
      }),
      { numRuns: 60 },
    );
  });

  test("that need configuration and have an old quoting enclave get the whole standing here, and the worse half of it there", () => {
    for (const version of [3, 4] as const) {
      const [own, other] = compareKnobs({ platformStatus: ["ConfigurationNeeded", "OutOfDate"], qeSvn: 5 }, version);
      expect([own, other]).toMatchObject([{ status: "OutOfDateConfigurationNeeded" }, { status: "OutOfDate" }]);
    }
  });

  test("with an unknown status are refused here in any level, and there in the level that matches", () => {
    expect(compareKnobs({ platformStatus: ["Weird", "OutOfDate"] }, 4)).toEqual(["refused", "refused"]);
    expect(compareKnobs({ platformStatus: ["UpToDate", "Weird"] }, 4)).toMatchObject(["refused", { status: "UpToDate" }]);
  });
});
