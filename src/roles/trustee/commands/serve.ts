import { PEER_FAMILIES, type PeerFamily, PROTOCOL_VERSIONS, type ProtocolVersion } from "../../../protocol/index.ts";
import { CaiError, defineVerb, hardenProcess, readTextFile } from "../../../system/index.ts";
import { parseCollateralUpdate } from "../../../tee/tdx/index.ts";
import { createTrustee } from "../index.ts";
import { SERVE_FLAGS, settingsFile } from "./flags.ts";
import { keySurroundings } from "./key-surroundings.ts";

export default defineVerb({
  path: "trustee serve",
  description:
    "Verifies evidence, grades it by policy and reference values, and releases secrets only to environments that pass (KBS protocol 0.4.0).\nSIGTERM finishes what is under way and ends with 0.",
  positionals: [],
  flags: SERVE_FLAGS,
  settingsFile,
  examples: [
    { about: "on loopback, for real hardware", line: "cai trustee serve" },
    {
      about: "for others, with TLS, and collateral from a service of your own, else from Intel",
      line: "cai trustee serve --listen 0.0.0.0:8443 --tls-cert server.pem --tls-key server.key --collateral-source https://pccs.example:8081,intel",
    },
    { about: "where nothing can be fetched", line: "cai trustee serve --collateral collateral.json --collateral-source none" },
    {
      about: "for a simulated machine made by `cai sim tdx init`, after `cai trustee init --simulated --data ./try-trustee`",
      line: "cai trustee serve --data ./try-trustee --trust-anchor sim/anchor.pem --collateral sim/collateral.json",
    },
  ],
  async run({ flags, log, print, signal }) {
    const { host, port } = parseListen(flags.listen);
    // Its memory holds the store's keys and, for moments, secrets: none of it may end up in a core file (security.md I27).
    hardenProcess();
    const trustee = await createTrustee({
      dataDir: flags.data,
      ...(flags.store !== undefined && { store: flags.store }),
      ...(flags["master-key"] !== undefined && { masterKey: flags["master-key"] }),
      keySurroundings: keySurroundings(),
      host,
      port,
      ...tlsOf(flags["tls-cert"], flags["tls-key"]),
      insecureHttp: flags["insecure-http"],
      trustAnchors: flags["trust-anchor"] === undefined ? [] : [flags["trust-anchor"]],
      acceptSample: flags["accept-sample"],
      ...collateralOf(flags),
      collateralGraceSeconds: flags["collateral-grace"],
      compat: parseFamily(flags.compat),
      protocolVersions: parseVersions(flags["protocol-versions"]),
      tokenType: flags["token-type"] === "simple" ? "simple" : "ear",
      issuerName: flags["issuer-name"],
      legacyOpenAttestationPolicy: flags["legacy-open-attestation-policy"],
      ...(flags["verify-workers"] !== undefined && { verifyWorkers: flags["verify-workers"] }),
      logger: log,
    });
    const { url } = await trustee.start();
    print(
      {
        url,
        tid: trustee.tid,
        pin: `tid:${trustee.tid}`,
        world: trustee.world,
        pid: process.pid,
        ...(flags["accept-sample"] && { accepts: ["sample", "sampledevice"] }),
      },
      `cai trustee (${trustee.world}${flags["accept-sample"] ? ", takes sample evidence" : ""}) ready at ${url}, tid:${trustee.tid}`,
    );
    await new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })));
    await trustee.stop();
  },
});

function parseFamily(text: string): PeerFamily {
  const family = PEER_FAMILIES.find((name) => name === text);
  if (family !== undefined) return family;
  throw new CaiError("cli.setting-invalid", `--compat cannot be ${JSON.stringify(text)}`, {
    expected: PEER_FAMILIES.join(" or "),
    got: text,
  });
}

function parseVersions(list: string | undefined): ProtocolVersion[] {
  return (list?.split(",") ?? []).map((text) => {
    const version = PROTOCOL_VERSIONS.find((name) => name === text.trim());
    if (version !== undefined) return version;
    throw new CaiError("cli.setting-invalid", `--protocol-versions cannot be ${JSON.stringify(list)}`, {
      expected: PROTOCOL_VERSIONS.join(", "),
      got: text.trim(),
    });
  });
}

function parseListen(listen: string): { host: string; port: number } {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})$/.exec(listen) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new CaiError("cli.setting-invalid", `--listen cannot be ${JSON.stringify(listen)}`, {
      expected: "HOST:PORT, port 0–65535",
      got: listen,
    });
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

function collateralOf(flags: {
  readonly collateral: string | undefined;
  readonly "collateral-source": string | undefined;
  readonly "collateral-source-ca": string | undefined;
  readonly "collateral-update": string;
  readonly "collateral-timeout": number;
}) {
  const { collateral, "collateral-source": source, "collateral-source-ca": ca } = flags;
  return {
    ...(collateral !== undefined && { collateral }),
    ...(source !== undefined && { collateralSource: source }),
    ...(ca !== undefined && { collateralSourceCa: readTextFile(ca) }),
    collateralUpdate: parseCollateralUpdate(flags["collateral-update"]),
    collateralTimeoutSeconds: flags["collateral-timeout"],
  };
}

function tlsOf(certificate: string | undefined, key: string | undefined): { tls: { cert: string; key: string } } | Record<never, never> {
  if (certificate === undefined && key === undefined) return {};
  if (certificate === undefined || key === undefined)
    throw new CaiError("cli.usage", "--tls-cert and --tls-key go together", { hint: "cai trustee serve --help" });
  return { tls: { cert: readTextFile(certificate), key: readTextFile(key) } };
}
