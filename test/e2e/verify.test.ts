import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Attempt, attemptsOf, type Case, expectations, firstWord, load } from "../tee/tdx/expectations.ts";
import { changed, haveVectors, vector, vectorPath } from "../tee/tdx/testing.ts";
import { CAI, cai, caiJson, removeScratch, scratch, start, stopAll } from "./cai.ts";

setDefaultTimeout(120_000);

const folder = scratch();
afterAll(async () => {
  await stopAll();
  removeScratch(folder);
});
let count = 0;

/** A new file in the scratch folder. @returns its path */
function file(content: Uint8Array | string): string {
  const path = join(folder, `file-${count++}`);
  writeFileSync(path, content);
  return path;
}

interface Verified {
  readonly status: number;
  readonly out: {
    readonly verdict: string;
    readonly tcb_status: string | null;
    readonly simulated: boolean | null;
    readonly level: string | null;
    readonly error?: { readonly id: string };
    readonly checks: readonly { readonly id: string; readonly ok: boolean; readonly error?: string }[];
  };
}

async function verify(...args: string[]): Promise<Verified> {
  const { status, stdout, stderr } = await cai(["verify", ...args, "--json"]);
  if (stdout === "") throw new Error(`cai verify ${args.join(" ")} ended with ${status}: ${stderr}`);
  return { status, out: JSON.parse(stdout) as Verified["out"] };
}

const verifyAttempt = ({ quote, bundle, now }: Attempt, ...more: string[]): Promise<Verified> =>
  verify(file(quote), "--collateral", file(JSON.stringify(bundle)), "--at", `${now}`, ...more);

/** Expects a rejection for the reason, which the failed check names, too. */
function expectRejected({ status, out }: Verified, reason: string): void {
  expect([status, out.verdict, out.level]).toEqual([3, "rejected", null]);
  expect(out.error?.id.split(".")[1]).toBe(reason);
  expect(out.checks.filter(({ ok, error }) => !ok && error === out.error?.id).length).toBe(1);
}

/** What `verdict` of the vectors says of the default policy: only `UpToDate` and no debug is taken. */
function expectStatus(verified: Verified, verdict: string, reason: string | undefined): void {
  expect(verified.out.tcb_status).toBe(firstWord(verdict));
  if (reason !== undefined) expectRejected(verified, reason);
  else if (firstWord(verdict) !== "UpToDate") expectRejected(verified, "tcb-status");
  else expect([verified.status, verified.out.verdict, verified.out.level]).toEqual([0, "accepted", "L0"]);
}

describe.skipIf(!haveVectors)("quotes of real machines on the command line", () => {
  for (const each of expectations?.positives ?? []) {
    test(`${each.name}: ${each.expect.verdict} ${each.expect.reason ?? ""}`, async () => {
      const verified = await verifyAttempt(load(each));
      if (each.expect.verdict === "reject") expectRejected(verified, each.expect.reason!);
      else {
        expectStatus(verified, each.expect.verdict, each.expect.reason);
        expect(verified.out.simulated).toBe(false);
      }
    });
  }

  for (const { name, edit, expect: expected } of expectations?.negatives ?? []) {
    test(`${name} (${edit}): ${firstWord(expected)}`, async () => {
      for (const attempt of attemptsOf(edit)) {
        const verified = await verifyAttempt(attempt);
        if (expected.startsWith("accept")) expectStatus(verified, "UpToDate", undefined);
        else expectRejected(verified, firstWord(expected));
      }
    });
  }
});

describe.skipIf(!haveVectors)("quotes of simulated machines on the command line", () => {
  const anchor = () => ["--trust-anchor", vectorPath(expectations!.simulated.trustAnchor)];

  for (const each of expectations?.simulated.cases ?? []) {
    test(`${each.name}: ${each.expect}`, async () => {
      const verified = await verifyAttempt(load(each), ...anchor(), "--allow-simulated");
      const rejected = /^reject: ([\w-]+)$/.exec(each.expect)?.[1];
      if (rejected !== undefined) expectRejected(verified, rejected);
      else {
        expectStatus(verified, each.expect, each.expect.includes("debug") ? "debug" : undefined);
        expect(verified.out.simulated).toBe(true);
      }
    });
  }

  test("are rejected as such where nobody allows them, and as strangers where nobody names their root", async () => {
    const base = load(expectations!.simulated.cases.find(({ name }) => name === "base")!);
    expectRejected(await verifyAttempt(base, ...anchor()), "simulated");
    expectRejected(await verifyAttempt(base, "--allow-simulated"), "untrusted-root");
  });

  test("are the only ones where no other root is to be trusted", async () => {
    const real = load(expectations!.negativesBase);
    expectRejected(await verifyAttempt(real, ...anchor(), "--only-anchor"), "untrusted-root");
    expectStatus(await verifyAttempt(real, ...anchor()), "UpToDate", undefined);
  });

  test("cannot pass for real under a root that only imitates a name", async () => {
    const imitation = vectorPath("intel-sgx-sample/trustedRootCaCert.pem");
    const base = expectations!.negativesBase;
    const anchored = await cai([
      "verify",
      vectorPath(base.quote),
      "--collateral",
      vectorPath(base.collateral),
      "--trust-anchor",
      imitation,
    ]);
    expect([anchored.status, anchored.stdout]).toEqual([2, ""]);
    expect(anchored.stderr).toContain("tdx.anchor-refused");
  });
});

describe.skipIf(!haveVectors)("the same quote", () => {
  const base = (): Case => expectations!.negativesBase;
  const how = () => ["--collateral", vectorPath(base().collateral), "--at", `${base().unix}`];
  const quote = () => vector(base().quote);

  test("is read in hexadecimal, base64 and JSON, from a file, standard input and a server", async () => {
    const evidence = JSON.stringify({ quote: quote().toBase64(), cc_eventlog: null });
    const forms = [
      quote(),
      quote().toHex(),
      quote().toBase64(),
      evidence,
      JSON.stringify({ "tee-evidence": { primary_evidence: JSON.parse(evidence) } }),
    ];
    for (const form of forms) expectStatus(await verify(file(form), ...how()), "UpToDate", undefined);

    const piped = Bun.spawn([CAI, "verify", "-", ...how(), "--json"], { stdin: new Blob([evidence]), stdout: "pipe", stderr: "ignore" });
    expect(JSON.parse(await new Response(piped.stdout).text())).toMatchObject({ verdict: "accepted", input: "evidence JSON" });

    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ url }) => {
        if (url.endsWith("/quote")) return new Response(quote());
        if (url.endsWith("/moved")) return Response.redirect("/quote");
        return url.endsWith("/huge") ? new Response(new Uint8Array(9 << 20)) : new Response("", { status: 404 });
      },
    });
    const at = (path: string) => `http://127.0.0.1:${server.port}${path}`;
    expectStatus(await verify(at("/quote"), ...how()), "UpToDate", undefined);
    for (const [path, status, id] of [
      ["/nothing", 2, "cli.input-unreadable"],
      ["/moved", 2, "cli.input-unreadable"],
      ["/huge", 1, "net.response-too-large"],
    ] as const) {
      const ended = await cai(["verify", at(path), ...how()]);
      expect([ended.status, ended.stdout, ended.stderr.includes(id)]).toEqual([status, "", true]);
    }
  });

  test("is held to report data", async () => {
    const reportData = quote().subarray(568, 632).toHex();
    expectStatus(await verify(vectorPath(base().quote), ...how(), "--report-data", reportData), "UpToDate", undefined);
    expectRejected(await verify(vectorPath(base().quote), ...how(), "--report-data", "00"), "report-data-mismatch");
  });

  test("is held to an event log, in the evidence or beside it", async () => {
    const cos = expectations!.positives.find(({ name }) => name === "google-cos113")!;
    const log = vector("ccel/cos113.bin");
    const judged = ["--collateral", vectorPath(cos.collateral), "--at", `${cos.unix}`];
    const evidence = (bytes: Uint8Array) => file(JSON.stringify({ quote: vector(cos.quote).toBase64(), cc_eventlog: bytes.toBase64() }));
    expectStatus(await verify(vectorPath(cos.quote), ...judged, "--event-log", file(log)), "UpToDate", undefined);
    expectStatus(await verify(evidence(log), ...judged), "UpToDate", undefined);
    const altered = changed(log, (copy) => copy.set([copy[90]! ^ 1], 90));
    expectRejected(await verify(vectorPath(cos.quote), ...judged, "--event-log", file(altered)), "event-log-mismatch");
    expectRejected(await verify(evidence(altered.subarray(0, 100)), ...judged), "event-log-malformed");
    const twice = await cai(["verify", evidence(log), ...judged, "--event-log", file(log)]);
    expect([twice.status, twice.stderr.includes("cli.usage")]).toEqual([2, true]);
    const report = await cai(["verify", evidence(log), ...judged]);
    expect(report.stdout).toMatch(/RTMR1 +7 events +5 with data that their digest proves/);
  });

  test("makes a report for a person, with the verdict last and the error for programs on the other stream", async () => {
    const good = await cai(["verify", vectorPath(base().quote), ...how()]);
    expect([good.status, good.stderr]).toEqual([0, ""]);
    expect(good.stdout.trimEnd().split("\n").at(-1)).toBe("verdict:     ACCEPTED");
    const late = await cai(["verify", vectorPath(base().quote), "--collateral", vectorPath(base().collateral), "--at", "2026-01-01"]);
    expect(late.status).toBe(3);
    expect(late.stdout).toContain("REJECTED: tdx.collateral-expired");
    expect(late.stderr).toStartWith("cai: tdx.collateral-expired");
  });
});

describe("a simulated machine of this program", () => {
  const sim = join(folder, "sim");
  const how = ["--collateral", join(sim, "collateral.json"), "--trust-anchor", join(sim, "anchor.pem"), "--allow-simulated"];
  let evidence = "";
  beforeAll(async () => {
    await caiJson(["sim", "tdx", "init", "--out", sim]);
    const machine = ["--simulated-tdx", join(sim, "machine.json")];
    evidence = file(JSON.stringify(await caiJson(["agent", "evidence", "--report-data", "aa".repeat(32), ...machine])));
  });

  test("reaches L1 with its reference values, and is refused with another machine's", async () => {
    const reference = join(sim, "reference.json");
    const good = await verify(evidence, ...how, "--references", reference, "--report-data", "aa".repeat(32));
    expect([good.status, good.out.verdict, good.out.level]).toEqual([0, "accepted", "L1"]);
    const other = file(JSON.stringify({ "tdx.mr_td": ["00".repeat(48)] }));
    expectRejected(await verify(evidence, ...how, "--references", other), "reference-mismatch");
  });

  test("is not accepted for what its log calls its parts alone", async () => {
    const all = JSON.parse(readFileSync(join(sim, "reference.json"), "utf8")) as Record<string, unknown>;
    const labels = Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith("measurement.")));
    expect(Object.keys(labels)).not.toEqual([]);
    const run = await verify(evidence, ...how, "--references", file(JSON.stringify(labels)));
    expectRejected(run, "reference-mismatch");
    expect(run.out).toMatchObject({ references: { unproved: [{ name: "measurement.shim.SHA-384" }, {}, {}, {}, {}], equal: [] } });
  });

  test("is judged by what a service serves for it, and by nothing where no service answers", async () => {
    const pccs = await start(["sim", "tdx", "pccs", "--machine", join(sim, "machine.json"), "--listen", "127.0.0.1:0"]);
    const anchor = ["--trust-anchor", join(sim, "anchor.pem"), "--allow-simulated"];
    const url = String(pccs.ready["url"]);
    const good = await verify(evidence, ...anchor, "--collateral-source", url);
    expect([good.status, good.out.verdict]).toEqual([0, "accepted"]);
    // Nobody is asked about a quote that its own signatures do not carry.
    expectRejected(await verify(file(new Uint8Array(700)), ...anchor, "--collateral-source", url), "unsupported-quote");
    // A service that answers that it has none speaks for nobody; one that does not answer says nothing.
    expectRejected(await verify(evidence, ...anchor, "--collateral-source", url, "--collateral-update", "19"), "collateral-unknown");
    await pccs.kill("SIGTERM");
    const ended = await cai(["verify", evidence, ...anchor, "--collateral-source", url]);
    expect([ended.status, ended.stdout, ended.stderr.includes("tdx.collateral-unavailable")]).toEqual([4, "", true]);
  });

  test("is held to the runtime data that it was made for", async () => {
    const runtime = file('{"b":1,"a":"test","c":{"d":"e"}}');
    const machine = ["--simulated-tdx", join(sim, "machine.json")];
    const own = file(JSON.stringify(await caiJson(["agent", "evidence", "--runtime-data", runtime, ...machine])));
    expect((await verify(own, ...how, "--runtime-data", runtime)).out.verdict).toBe("accepted");
    expectRejected(await verify(own, ...how, "--runtime-data", runtime, "--hash", "sha512"), "report-data-mismatch");
    expectRejected(await verify(evidence, ...how, "--runtime-data", runtime), "report-data-mismatch");
    const initData = file('version = "0.1.0"\nalgorithm = "sha384"\n[data]\n');
    expectRejected(await verify(own, ...how, "--init-data", initData), "init-data-mismatch");
    const { status, stdout, stderr } = await cai(["verify", own, ...how, "--init-data", runtime]);
    expect([status, stdout, stderr.split(": ")[1]]).toEqual([2, "", "cli.input-unreadable"]);
  });

  test("is judged by a policy where one is given", async () => {
    const affirm = file("package policy\nimport rego.v1\ndefault hardware := 97\nhardware := 2 if input.tdx.simulated == true\n");
    const refuse = file("package policy\nhardware := 97\n");
    expect((await verify(evidence, ...how, "--policy", affirm)).out.verdict).toBe("accepted");
    expectRejected(await verify(evidence, ...how, "--policy", refuse), "not-affirmed");
  });
});

describe("what cannot be read or understood", () => {
  test("is no verdict", async () => {
    const quote = file(new Uint8Array(8));
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [[quote, "--collateral", file("{}"), "--collateral-source", "intel"], "cli.usage"],
      [[quote, "--collateral-source", "nowhere"], "cli.setting-invalid"],
      [[join(folder, "none"), "--collateral", file("{}")], "tdx.collateral-malformed"],
      [[quote, "--collateral", join(folder, "none")], "cli.input-unreadable"],
      [["-", "--collateral", "-"], "cli.usage"],
      [[quote, "--collateral", file("{}"), "--at", "never"], "cli.setting-invalid"],
      [[quote, "--collateral", file("{}"), "--trust-anchor"], "cli.usage"],
    ];
    for (const [args, id] of wrong) {
      const { status, stdout, stderr } = await cai(["verify", ...args]);
      expect([status, stdout, stderr.split(": ")[1]]).toEqual([2, "", id]);
    }
  });

  test("but bytes that are no quote are rejected evidence", async () => {
    const sim = join(folder, "again");
    await caiJson(["sim", "tdx", "init", "--out", sim]);
    for (const bytes of [new Uint8Array(0), new Uint8Array(70_000), "hello!", "{}"]) {
      const { status, out } = await verify(file(bytes), "--collateral", join(sim, "collateral.json"));
      expect([status, out.verdict]).toEqual([3, "rejected"]);
      expect(out.error?.id).toBe(bytes === "{}" ? "tdx.evidence-malformed" : "tdx.unsupported-quote");
    }
  });
});
