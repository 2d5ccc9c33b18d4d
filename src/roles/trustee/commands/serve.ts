import { PEER_FAMILIES, type PeerFamily, PROTOCOL_VERSIONS, type ProtocolVersion } from "../../../protocol/index.ts";
import { CaiError, defineVerb, type FlagValues, hardenProcess, readTextFile, serviceManager } from "../../../system/index.ts";
import { parseCollateralUpdate } from "../../../tee/tdx/index.ts";
import { createTrustee, parseListenAddress } from "../index.ts";
import { SERVE_FLAGS, settingsFile } from "./flags.ts";
import { keySurroundings } from "./key-surroundings.ts";

export default defineVerb({
  path: "trustee serve",
  description:
    "Verifies evidence, grades it by policy and reference values, and releases secrets only to environments that pass (KBS protocol 0.4.0).\nSIGTERM finishes what is under way and ends with 0, a second one does not wait; SIGHUP renews the TLS certificate. It tells systemd (Type=notify) what it does.",
  positionals: [],
  flags: SERVE_FLAGS,
  settingsFile,
  examples: [
    { about: "on loopback, for real hardware", line: "cai trustee serve" },
    {
      about: "for others, with TLS by its own certificate authority; `cai trustee ca` prints that for agents",
      line: "cai trustee serve --listen 0.0.0.0:8443 --tls-name trustee.example.org",
    },
    {
      about: "on the ports that upstream's services have, for other programs of this machine",
      line: "cai trustee serve --listen 127.0.0.1:8080 --listen 127.0.0.1:50005 --listen 127.0.0.1:8081",
    },
    {
      about: "for others, with a certificate of your own, and collateral from a service of your own, else from Intel",
      line: "cai trustee serve --listen 0.0.0.0:8443 --tls-cert server.pem --tls-key server.key --collateral-source https://pccs.example:8081,intel",
    },
    {
      about: "one of several over a database, made before by `cai trustee init` with the same settings",
      line: "CAI_STORE=postgres://cai:PASSWORD@db.example/cai cai trustee serve --listen 0.0.0.0:8443 --tls-cert server.pem --tls-key server.key",
    },
    { about: "where nothing can be fetched", line: "cai trustee serve --collateral collateral.json --collateral-source none" },
    {
      about: "for a simulated machine made by `cai sim tdx init`, after `cai trustee init --simulated --data ./try-trustee`",
      line: "cai trustee serve --data ./try-trustee --trust-anchor sim/anchor.pem --collateral sim/collateral.json",
    },
  ],
  async run({ flags, log, print, signal }) {
    // Its memory holds the store's keys and, for moments, secrets: none of it may end up in a core file (security.md I27).
    hardenProcess();
    const manager = serviceManager(process.env, log);
    const trustee = await createTrustee({
      dataDir: flags.data,
      ...(flags.store !== undefined && { store: flags.store }),
      ...(flags["master-key"] !== undefined && { masterKey: flags["master-key"] }),
      keySurroundings: keySurroundings(),
      ...operationOf(flags),
      trustAnchors: flags["trust-anchor"] === undefined ? [] : [flags["trust-anchor"]],
      acceptSample: flags["accept-sample"],
      ...collateralOf(flags),
      collateralGraceSeconds: flags["collateral-grace"],
      legacyOpenAttestationPolicy: flags["legacy-open-attestation-policy"],
      compat: parseFamily(flags.compat),
      protocolVersions: parseVersions(flags["protocol-versions"]),
      tokenType: flags["token-type"] === "simple" ? "simple" : "ear",
      issuerName: flags["issuer-name"],
      ...(flags["verify-workers"] !== undefined && { verifyWorkers: flags["verify-workers"] }),
      logger: log,
    });
    const hurry = new AbortController();
    const reload = () => {
      manager.reloading();
      trustee.reload();
      manager.ready(status);
    };
    let status = "";
    try {
      const { url, urls, tlsPin, metricsUrl } = await trustee.start();
      const { tid, world } = trustee;
      status = `ready at ${urls.join(", ")}`;
      const tls = tlsPin === undefined ? {} : { tls_pin: tlsPin };
      const accepts = flags["accept-sample"] ? { accepts: ["sample", "sampledevice"] } : {};
      const metrics = metricsUrl === undefined ? {} : { metrics_url: metricsUrl };
      print(
        { url, urls: [...urls], tid, pin: `tid:${tid}`, ...tls, ...metrics, world, pid: process.pid, ...accepts },
        `cai trustee (${world}${flags["accept-sample"] ? ", takes sample evidence" : ""}) ${status}, tid:${tid}${tlsPin === undefined ? "" : `, ${tlsPin}`}`,
      );
      process.on("SIGHUP", reload);
      manager.ready(status);
      await new Promise<void>((resolve) =>
        signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
      );
    } finally {
      manager.stopping();
      const onSecond = () => hurry.abort();
      process.on("SIGTERM", onSecond).on("SIGINT", onSecond);
      await trustee.stop(hurry.signal);
      process.off("SIGTERM", onSecond).off("SIGINT", onSecond).off("SIGHUP", reload);
    }
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

type ServeFlags = FlagValues<typeof SERVE_FLAGS>;

/** Where and how it listens, and what it bears. */
function operationOf(flags: ServeFlags) {
  const metrics = flags["metrics-listen"];
  return {
    listen: flags.listen.map(parseListenAddress),
    ...(metrics !== undefined && { metricsListen: parseListenAddress(metrics) }),
    ...tlsOf(flags["tls-cert"], flags["tls-key"]),
    tlsMode: flags.tls as "as-needed" | "auto",
    tlsNames: [...flags["tls-name"]],
    tlsMin: flags["tls-min"] as "1.2" | "1.3",
    insecureHttp: flags["insecure-http"],
    trustedProxies: [...flags["trusted-proxy"]],
    clientRates: {
      auth: flags["limit-auth"],
      attest: flags["limit-attest"],
      resource: flags["limit-resource"],
      "admin-failure": flags["limit-admin-failures"],
    },
    clientConcurrent: flags["limit-concurrent"],
    drainDelaySeconds: flags["drain-delay"],
  };
}

function collateralOf(flags: ServeFlags) {
  const { collateral, "collateral-source": source, "collateral-source-ca": ca } = flags;
  return {
    ...(collateral !== undefined && { collateral }),
    ...(source !== undefined && { collateralSource: source }),
    ...(ca !== undefined && { collateralSourceCa: readTextFile(ca) }),
    collateralUpdate: parseCollateralUpdate(flags["collateral-update"]),
    collateralTimeoutSeconds: flags["collateral-timeout"],
  };
}

function tlsOf(certificate: string | undefined, key: string | undefined) {
  if (certificate === undefined && key === undefined) return {};
  if (certificate === undefined || key === undefined)
    throw new CaiError("cli.usage", "--tls-cert and --tls-key go together", { hint: "cai trustee serve --help" });
  return { tls: { certificate, key } };
}
