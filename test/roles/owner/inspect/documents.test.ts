import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { explainArtefact } from "../../../../src/roles/owner/inspect/registry.ts";
import { parseBundle, SimulatedPlatform } from "../../../../src/tee/tdx/index.ts";
import { errorId, NOW, platform, platformChain, SEED } from "../../../tee/tdx/testing.ts";

const text = (value: string) => explainArtefact(new TextEncoder().encode(value));
const collateral = parseBundle(platform.bundle());
const chainPem = platformChain.map((pem) => new TextDecoder().decode(pem)).join("");

describe("a certificate", () => {
  test("is explained in DER and PEM, alone and in a chain", () => {
    const root = { subject: "CN=cai Simulated SGX Root CA", ca: true, key: "ec prime256v1", not_before: "2020-01-01T00:00:00Z" };
    expect(explainArtefact(platform.anchorDer).json).toMatchObject({ certificates: [root] });
    expect(text(platform.anchorPem).kind).toBe("X.509 certificate");
    const chain = text(chainPem);
    expect(chain.kind).toBe("chain of 3 X.509 certificates");
    expect(chain.json).toMatchObject({
      certificates: [{ sgx: { tcb_components: [3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0] } }, {}, root],
    });
    expect(text(`${chainPem}\0`).kind).toBe("chain of 3 X.509 certificates");
  });

  test("that is none is refused, and a private key is shown to nobody", () => {
    expect(errorId(() => explainArtefact(platform.anchorDer.subarray(0, 300)))).toBe("crypto.certificate-malformed");
    expect(errorId(() => text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"))).toBe("crypto.certificate-malformed");
    const key = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    let message = "";
    try {
      text(key);
    } catch (error) {
      message = `${(error as Error).message} ${JSON.stringify(error)}`;
    }
    expect(message).toContain("owner.artefact-unknown");
    expect(message).not.toContain(key.split("\n")[1]!);
  });
});

describe("a revocation list", () => {
  test("is explained in DER and PEM, with the serials that it names", () => {
    const revoking = SimulatedPlatform.create({ seed: SEED, now: NOW, knobs: { revoked: ["pck"] } });
    const { pckCrl } = parseBundle(revoking.bundle());
    const { kind, json } = explainArtefact(pckCrl);
    expect(kind).toBe("certificate revocation list");
    expect(json).toMatchObject({ issuer: "cai Simulated SGX PCK Platform CA", number: "1", this_update: "2026-01-10T00:00:00Z" });
    expect((json["revoked"] as string[]).length).toBe(1);
    const pem = `-----BEGIN X509 CRL-----\n${pckCrl.toBase64()}\n-----END X509 CRL-----\n`;
    expect(text(pem).json).toEqual(json);
    expect(text(pckCrl.toHex()).kind).toBe("certificate revocation list, in hexadecimal");
  });

  test("that is cut short is refused", () => {
    expect(errorId(() => explainArtefact(collateral.rootCaCrl.subarray(0, 100)))).toBe("crypto.crl-malformed");
  });
});

describe("TCB info and identities of quoting enclaves", () => {
  test("are explained as they are served, and their inner objects alone", () => {
    const served = text(`{"tcbInfo":${collateral.tcbInfo},"signature":"00"}`);
    expect(served.kind).toBe("TDX TCB info");
    expect(served.json).toMatchObject({ fmspc: "00cafe000000", levels: [{ status: "UpToDate" }, { status: "OutOfDate" }] });
    expect(text(collateral.tcbInfo).json).toEqual(served.json);
    expect(text(platform.collateral("sgx").tcbInfo).kind).toBe("SGX TCB info");
    const identity = text(`{"enclaveIdentity":${collateral.qeIdentity},"signature":"00"}`);
    expect(identity).toMatchObject({ kind: "TD_QE identity", json: { isv_prod_id: 2, levels: [{ isv_svn: 6 }, { isv_svn: 4 }] } });
    expect(text(collateral.qeIdentity).json).toEqual(identity.json);
  });

  test("of another form are refused", () => {
    expect(errorId(() => text(collateral.tcbInfo.replace("UpToDate", "Weird")))).toBe("tdx.tcb-info-malformed");
    expect(errorId(() => text(collateral.qeIdentity.replace('"isvprodid":2', '"isvprodid":-2')))).toBe("tdx.qe-identity-malformed");
    expect(errorId(() => text('{"tcbInfo":7}'))).toBe("tdx.tcb-info-malformed");
  });
});

describe("a bundle of collateral", () => {
  test("is explained with all of its documents, lists and certificates", () => {
    const { kind, json, sections } = text(platform.bundle());
    expect(kind).toBe("collateral of a TDX platform");
    expect(json).toMatchObject({
      tcb_info: { evaluation_data_number: 20 },
      qe_identity: { id: "TD_QE" },
      root_ca_crl: { issuer: "cai Simulated SGX Root CA" },
      pck_crl: { revoked: [] },
      tcb_info_issuer_chain: [{ subject: "CN=cai Simulated SGX TCB Signing" }, {}],
    });
    expect(sections.map(({ title }) => title)).toContain("Platform levels, highest first");
  });

  test("of several kinds of platforms is explained set by set", () => {
    const set = { tee: "tdx", fmspc: "00cafe000000", ca: "platform", update: "standard", ...(JSON.parse(platform.bundle()) as object) };
    const { kind, json } = text(JSON.stringify({ cai_collateral: 1, sets: [set, set] }));
    expect(kind).toBe("collateral of 2 kinds of platforms");
    expect(json).toMatchObject({ sets: [{ tcb_info: { id: "TDX" } }, { qe_identity: { id: "TD_QE" } }], left_out: 0 });
  });

  test("that lacks a member is refused", () => {
    const { pck_crl: _, ...rest } = JSON.parse(platform.bundle()) as Record<string, string>;
    expect(errorId(() => text(JSON.stringify(rest)))).toBe("tdx.collateral-malformed");
  });
});
