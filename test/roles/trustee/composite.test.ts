import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { jcs } from "../../../src/crypto/index.ts";
import { type HashAlgorithm, rcarRuntimeData, reportDataOf, teeKeyJson } from "../../../src/protocol/index.ts";
import { attest } from "../../../src/roles/trustee/attestation.ts";
import { ReleaseGrant } from "../../../src/roles/trustee/grant.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../../src/system/index.ts";
import type { Binding, Claims, TeeClass, TeeName, Verifier } from "../../../src/tee/index.ts";
import { claimsOf, Guest, machine, platform, START } from "./kbs-world.ts";
import { idOf } from "./scratch.ts";
import { openParts, type TrusteeParts } from "./trustee-parts.ts";

/** A platform or device whose evidence is its report data and nothing else. */
function plainVerifier(tee: string, of: TeeClass, runtimeDataHash?: HashAlgorithm): Verifier {
  return {
    tee: tee as TeeName,
    ...(runtimeDataHash && { runtimeDataHash }),
    async verify(evidence: JsonValue, { reportData }: Binding): Promise<Claims> {
      const given = Buffer.from((evidence as { report_data: string }).report_data, "base64");
      if (!given.equals(Buffer.from(reportData!).subarray(0, given.length)) || given.length < 32) {
        throw new CaiError("tdx.report-data-mismatch", "the device is bound to something else");
      }
      const floor = { debug: false, collateralExpiredFor: 0, tcbStatus: "UpToDate" };
      const common = { simulated: true, trustAnchor: "", initData: "", members: { svn: "1" }, floor };
      return { tee: tee as TeeName, class: of, reportData: given.toString("hex"), ...common };
    },
  };
}

let world: TrusteeParts;
let guest: Guest;
beforeAll(async () => {
  const more = {
    sampledevice: plainVerifier("sampledevice", "gpu"),
    seconddevice: plainVerifier("seconddevice", "gpu"),
    dcudevice: plainVerifier("dcudevice", "dcu"),
    impostor: plainVerifier("impostor", "cpu"),
    "az-tdx-vtpm": plainVerifier("az-tdx-vtpm", "cpu"),
    snp: plainVerifier("snp", "gpu"),
    cca: plainVerifier("cca", "cpu", "sha512"),
  };
  world = await openParts({ more, versions: ["0.4.0", "0.3.0", "0.2.0"] });
});
afterAll(() => world.end());
beforeEach(() => {
  guest = new Guest({ url: "" });
});

const utf8 = (text: string) => new TextEncoder().encode(text);
const digest = (value: JsonValue, hash = "sha384") => createHash(hash).update(jcs(value)).digest();

interface Run {
  readonly sessionId: string;
  readonly nonce: string;
  readonly params: JsonValue;
}

function auth(tee = "tdx", version = "0.4.0"): Run {
  const body = utf8(JSON.stringify({ version, tee, "extra-params": "" }));
  const { sessionId, challenge } = world.parts.handshakes.open(body, START);
  const { nonce, "extra-params": params } = JSON.parse(challenge) as { nonce: string; "extra-params": JsonValue };
  return { sessionId, nonce, params };
}

/** A device's evidence, bound to a run. */
function device({ nonce }: Run): JsonObject {
  return { report_data: digest({ nonce, "tee-pubkey": teeKeyJson(guest.teeKey) }).toString("base64") };
}

function message(run: Run, additional: string, primary?: JsonObject): string {
  const runtimeData = rcarRuntimeData({ nonce: run.nonce, teeKey: guest.teeKey, additionalEvidence: additional });
  const quote = platform.quote({ ...machine, reportData: reportDataOf(runtimeData, "sha384") });
  return JSON.stringify({
    "init-data": null,
    "runtime-data": { nonce: run.nonce, "tee-pubkey": teeKeyJson(guest.teeKey) },
    "tee-evidence": {
      primary_evidence: primary ?? { quote: Buffer.from(quote).toString("base64"), cc_eventlog: null },
      additional_evidence: additional,
    },
  });
}

const attested = ({ sessionId }: Run, body: string) => attest(world.parts, { body: utf8(body), sessionId, client: "test", now: START });

type Submods = Record<string, { "ear.veraison.annotated-evidence": JsonObject }>;
async function submodsOf(run: Run, additional: object | string): Promise<Submods> {
  const text = typeof additional === "string" ? additional : JSON.stringify(additional);
  return claimsOf((await attested(run, message(run, text))).token)["submods"] as Submods;
}

describe("composite evidence (trustee.md §1.6, §1.7)", () => {
  test("gives each device a submodule of its class, with its own runtime data, beside cpu0", async () => {
    const run = auth();
    const submods = await submodsOf(run, { seconddevice: device(run), dcudevice: device(run), sampledevice: device(run) });
    expect(Object.keys(submods).sort()).toEqual(["cpu0", "dcu0", "gpu0", "gpu1"]);
    const own = { nonce: run.nonce, "tee-pubkey": teeKeyJson(guest.teeKey) };
    for (const name of ["gpu0", "gpu1", "dcu0"]) {
      expect(submods[name]?.["ear.veraison.annotated-evidence"]["runtime_data_claims"]).toEqual(own);
      expect(submods[name]?.["ear.veraison.annotated-evidence"]["init_data_claims"]).toBeNull();
    }
    // In the order of their names, however the guest wrote them.
    expect(submods["gpu0"]?.["ear.veraison.annotated-evidence"]["sampledevice"]).toEqual({ svn: "1" });
    expect(submods["gpu1"]?.["ear.veraison.annotated-evidence"]["seconddevice"]).toEqual({ svn: "1" });
  });

  test("is bound to the exact text of the additional evidence", async () => {
    const run = auth();
    const text = JSON.stringify({ sampledevice: device(run) });
    const body = message(run, text).replace(JSON.stringify(text), JSON.stringify(` ${text}`));
    expect(await idOf(() => attested(run, body))).toBe("tdx.report-data-mismatch");
  });

  test("with a device of another run is refused whole: no token speaks of it (I7)", async () => {
    const other = auth();
    for (const evidence of [device(other), { report_data: "" }, { report_data: "AAAA" }]) {
      const fresh = auth();
      expect(await idOf(() => attested(fresh, message(fresh, JSON.stringify({ sampledevice: evidence }))))).toBe(
        "tdx.report-data-mismatch",
      );
    }
    const run = auth();
    const stranger = new Guest({ url: "" });
    const grafted = { report_data: digest({ nonce: run.nonce, "tee-pubkey": teeKeyJson(stranger.teeKey) }).toString("base64") };
    expect(await idOf(() => attested(run, message(run, JSON.stringify({ sampledevice: grafted }))))).toBe("tdx.report-data-mismatch");
  });

  test("has a CPU platform first and no second one, by its name and by what was verified (I1)", async () => {
    for (const tee of ["tdx", "csv", "az-tdx-vtpm", "aztdxvtpm", "snp", "impostor"]) {
      const run = auth();
      expect(await idOf(() => attested(run, message(run, JSON.stringify({ [tee]: device(run) }))))).toBe("kbs.evidence-class");
    }
    for (const tee of ["sampledevice", "seconddevice", "dcudevice"]) {
      expect(await idOf(() => auth(tee))).toBe("kbs.evidence-class");
    }
    const run = auth("snp");
    const own = rcarRuntimeData({ nonce: run.nonce, teeKey: guest.teeKey, additionalEvidence: "" });
    const primary = { report_data: digest(own).toString("base64") };
    expect(await idOf(() => attested(run, message(run, "", primary)))).toBe("kbs.evidence-class");
  });

  test("of a device that nobody verifies is refused", async () => {
    const run = auth();
    expect(await idOf(() => attested(run, message(run, '{"nvidia":{}}')))).toBe("kbs.tee-unsupported");
  });

  test("opens resources by the key of cpu0, and by none that a device's runtime data have (I1)", async () => {
    const run = auth();
    const { token } = await attested(run, message(run, JSON.stringify({ sampledevice: device(run) })));
    const { hash, id } = await world.parts.policy.get();
    const expected = {
      tid: world.parts.keys.tid,
      world: "simulated",
      policyId: id,
      policyHash: hash,
      versions: ["0.4.0"],
      now: START,
    } as const;
    const signers = await world.parts.keys.tokens.accepted("ES256", START);
    expect(ReleaseGrant.open(signers, token, expected).teeKey).toEqual(guest.teeKey);
    expect(await idOf(() => ReleaseGrant.open(signers, token, { ...expected, versions: ["0.2.0"] }))).toBe("kbs.version-unsupported");
  });
});

describe("the algorithm that runtime data are hashed with (trustee.md §1.5)", () => {
  test("is announced where it is not SHA-384, and used", async () => {
    expect(auth().params).toBe("");
    const run = auth("cca");
    expect(run.params).toEqual({ "selected-hash-algorithm": "sha512" });
    const own = rcarRuntimeData({ nonce: run.nonce, teeKey: guest.teeKey, additionalEvidence: "" });
    const primary = { report_data: digest(own, "sha512").toString("base64") };
    const claims = claimsOf((await attested(run, message(run, "", primary))).token);
    expect(claims["submods"]).toHaveProperty("cpu0");
    const again = auth("cca");
    const other = rcarRuntimeData({ nonce: again.nonce, teeKey: guest.teeKey, additionalEvidence: "" });
    const wrong = { report_data: digest(other, "sha384").toString("base64") };
    expect(await idOf(() => attested(again, message(again, "", wrong)))).toBe("tdx.report-data-mismatch");
  });

  test("other than SHA-384 leaves no room for a tag, so none is agreed on", () => {
    const body = utf8(JSON.stringify({ version: "0.4.0", tee: "cca", "extra-params": { cai: { v: 1 } } }));
    const { challenge } = world.parts.handshakes.open(body, START);
    expect(JSON.parse(challenge)["extra-params"]).toEqual({ "selected-hash-algorithm": "sha512" });
  });
});

test("a platform is verified under either spelling of its name, and stands in the token under the guest's (trustee.md §1.3)", async () => {
  for (const tee of ["aztdxvtpm", "az-tdx-vtpm"]) {
    const run = auth(tee);
    const own = rcarRuntimeData({ nonce: run.nonce, teeKey: guest.teeKey, additionalEvidence: "" });
    const body = message(run, "", { report_data: digest(own).toString("base64") });
    const { submods } = claimsOf((await attested(run, body)).token) as { submods: Submods };
    expect(submods["cpu0"]?.["ear.veraison.annotated-evidence"]).toHaveProperty(tee, { svn: "1" });
  }
});

test("devices go with evidence of version 0.3.0, too, and with none before", async () => {
  const run = auth("tdx", "0.3.0");
  const text = JSON.stringify({ sampledevice: device(run) });
  const { "tee-evidence": evidence } = JSON.parse(message(run, text)) as JsonObject;
  const body = JSON.stringify({ "tee-pubkey": teeKeyJson(guest.teeKey), "tee-evidence": evidence ?? null });
  const claims = claimsOf((await attested(run, body)).token);
  expect(Object.keys(claims["submods"] as object)).toEqual(["cpu0", "gpu0"]);
  expect(claims["cai"]).toMatchObject({ protocol: "0.3.0" });
  const older = auth("tdx", "0.2.0");
  const composite = JSON.stringify({
    "tee-pubkey": teeKeyJson(guest.teeKey),
    "tee-evidence": { primary_evidence: {}, additional_evidence: text },
  });
  expect(await idOf(() => attested(older, composite))).toBe("tdx.evidence-malformed");
});
