import { describe, expect, test } from "bun:test";
import { verifiers } from "../../../src/tee/index.ts";
import { builtInAnchors, parseBundle, sgxVerifier, verifyEvidence, verifyQuote } from "../../../src/tee/tdx/index.ts";
import { machineChain, machineLeaf, sgxQuote } from "./sgx-machine.ts";
import { anchors, changed, errorId, haveVectors, NOW, platform, REPORT_DATA, rejectionId, vector, vectorText } from "./testing.ts";

const collateral = platform.collateral("sgx");
const verifier = sgxVerifier({ collateral: () => collateral, expired: "reject" });
const evidenceOf = (quote: Uint8Array) => ({ quote: quote.toBase64() });
const verify = (quote: Uint8Array, binding = { reportData: REPORT_DATA }) => verifier.verify(evidenceOf(quote), binding, anchors, NOW);
const body = { reportData: REPORT_DATA, mrEnclave: new Uint8Array(32).fill(1), mrSigner: new Uint8Array(32).fill(2) };

describe("an SGX quote", () => {
  for (const version of [3, 4, 5] as const) {
    test(`of version ${version} gives the claims that upstream names, and the manufacturer's word as for TDX`, async () => {
      const configId = new Uint8Array(64).fill(3);
      const claims = await verify(sgxQuote(version, { ...body, configId }));
      expect(claims).toMatchObject({
        tee: "sgx",
        class: "cpu",
        simulated: true,
        reportData: REPORT_DATA.toHex(),
        initData: configId.toHex(),
      });
      expect(claims.floor).toEqual({ debug: false, collateralExpiredFor: 0, tcbStatus: "UpToDate" });
      expect(claims.members).toMatchObject({
        header: { version: `0${version}00`, att_key_type: "0200", att_key_data_0: "00000000", qe_svn: "0900", pce_svn: "0d00" },
        body: {
          mr_enclave: body.mrEnclave.toHex(),
          mr_signer: body.mrSigner.toHex(),
          "attributes.flags": "0500000000000000",
          "attributes.xfrm": "0000000000000000",
          config_id: configId.toHex(),
          reserved4: "00".repeat(42),
        },
        tcb_status: "UpToDate",
        tcb_verification: { tcb_status: "UpToDate", tee_type: 0 },
        simulated: true,
      });
    });

    test(`of version ${version} that was altered is refused under ids of SGX`, async () => {
      const quote = changed(sgxQuote(version, body), (copy) => {
        copy[120]! ^= 1;
      });
      expect(await rejectionId(verify(quote))).toBe("sgx.quote-signature-invalid");
    });
  }

  test("has all claims that the policies' sample evidence has", async () => {
    const { loadFixtures } = await import("../../../src/policy/index.ts");
    const sample = ((await loadFixtures()) as { sgx: { affirming: { evidence: { sgx: Record<string, object> } } } }).sgx.affirming.evidence
      .sgx;
    const { members } = await verify(sgxQuote(3, body));
    expect(Object.keys(members)).toEqual(expect.arrayContaining(Object.keys(sample)));
    for (const part of ["header", "body"]) expect(Object.keys(members[part] as object)).toEqual(Object.keys(sample[part]!));
  });

  test("of a debug enclave verifies, and says so to the floor", async () => {
    expect((await verify(sgxQuote(3, { ...body, attributes: Uint8Array.of(7) }))).floor.debug).toBe(true);
  });

  test("is bound to report data, and to init data that fills the 64 bytes of its field", async () => {
    expect(await rejectionId(verify(sgxQuote(3, body), { reportData: new Uint8Array(64) }))).toBe("sgx.report-data-mismatch");
    const quote = sgxQuote(3, { ...body, configId: new Uint8Array(32).fill(7) });
    const bound = (byte: number) => ({ reportData: REPORT_DATA, initData: new Uint8Array(32).fill(byte) });
    await verify(quote, bound(7));
    expect(await rejectionId(verify(quote, bound(8)))).toBe("sgx.init-data-mismatch");
  });

  test("is not taken where TDX is asked for, nor the other way round", async () => {
    const tdx = verifiers.tdx({ collateral: () => collateral, expired: "reject" });
    expect(await rejectionId(tdx.verify(evidenceOf(sgxQuote(4, body)), { reportData: REPORT_DATA }, anchors, NOW))).toBe(
      "tdx.unsupported-quote",
    );
    expect(await rejectionId(verify(platform.quote({ reportData: REPORT_DATA })))).toBe("sgx.unsupported-quote");
  });

  test("is not judged by collateral for TDX", () => {
    const options = { now: NOW, anchors, expired: "reject" } as const;
    const tdx = parseBundle(platform.bundle());
    expect(errorId(() => verifyQuote(sgxQuote(3, body), tdx, options))).toBe("sgx.tcb-info-mismatch");
    const { qeIdentity, qeIdentitySignature } = tdx;
    expect(errorId(() => verifyQuote(sgxQuote(3, body), { ...collateral, qeIdentity, qeIdentitySignature }, options))).toBe(
      "sgx.qe-identity-mismatch",
    );
  });
});

describe("a quote that does not carry its whole chain", () => {
  const text = (pem: string): Uint8Array => new TextEncoder().encode(pem);
  const certifications = [
    { type: 1, data: new Uint8Array(34) },
    { type: 1, data: new Uint8Array(36) },
    { type: 2, data: new Uint8Array(276) },
    { type: 3, data: new Uint8Array(404) },
    { type: 4, data: text(machineLeaf) },
  ];

  for (const certification of certifications) {
    test(`(type ${certification.type}, ${certification.data.length} bytes) verifies with a chain from elsewhere, and not without`, async () => {
      const quote = sgxQuote(3, body, certification);
      const options = { now: NOW, anchors, expired: "reject", collateral: () => collateral } as const;
      expect((await verifyEvidence({ quote }, {}, { ...options, pckChain: machineChain })).tee).toBe("sgx");
      expect(await rejectionId(verifyEvidence({ quote }, {}, options))).toBe("sgx.pck-chain-invalid");
    });
  }

  test("is refused with another machine's chain", async () => {
    const quote = sgxQuote(3, body, { type: 4, data: text(machineLeaf) });
    const pckChain = machineChain.replace(machineLeaf, "");
    const options = { now: NOW, anchors, expired: "reject", collateral: () => collateral, pckChain } as const;
    expect(await rejectionId(verifyEvidence({ quote }, {}, options))).toBe("sgx.pck-chain-invalid");
  });
});

describe.skipIf(!haveVectors)("Intel's own sample", () => {
  const read = (name: string) => vector(`intel-sgx-sample/${name}`);
  const text = (name: string) => vectorText(`intel-sgx-sample/${name}`);
  const signed = (name: string, member: string) => {
    const body = text(name);
    const { signature } = JSON.parse(body) as { signature: string };
    return { text: body.slice(body.indexOf(`"${member}":`) + member.length + 3, body.lastIndexOf(',"signature"')), signature };
  };

  test("verifies under its own root with the chain supplied", () => {
    const [tcb, identity] = [signed("tcbInfo.json", "tcbInfo"), signed("qeIdentity.json", "enclaveIdentity")];
    const sample = {
      pckCrlIssuerChain: text("pckSignChain.pem"),
      rootCaCrl: read("rootCaCrl.der"),
      pckCrl: read("intermediateCaCrl.der"),
      tcbInfoIssuerChain: text("tcbSignChain.pem"),
      tcbInfo: tcb.text,
      tcbInfoSignature: Uint8Array.fromHex(tcb.signature),
      qeIdentityIssuerChain: text("tcbSignChain.pem"),
      qeIdentity: identity.text,
      qeIdentitySignature: Uint8Array.fromHex(identity.signature),
      pckCertificateChain: text("pckCert.pem") + text("pckSignChain.pem"),
    };
    const root = Uint8Array.fromBase64(text("trustedRootCaCert.pem").replaceAll(/-----.*-----|\s/g, ""));
    const options = { now: 1_700_000_000, expired: "reject" } as const;
    const verdict = verifyQuote(read("quote.dat"), sample, { ...options, anchors: [{ certificate: root, simulated: true }] });
    expect(verdict.tcb.launch.status).toBe("UpToDate");
    expect(verdict.quote.certification.type).toBe(1);
    expect(errorId(() => verifyQuote(read("quote.dat"), sample, { ...options, anchors: builtInAnchors() }))).toBe("sgx.untrusted-root");
  });
});
