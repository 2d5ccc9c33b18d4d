import { CaiError, defineVerb, hardenProcess } from "../../../system/index.ts";
import { withData } from "../data.ts";
import { importInstallation } from "../import/importer.ts";
import { readOldTrustee } from "../import/old-trustee.ts";
import { wallClock } from "../init.ts";
import { PLACE_FLAGS, placeOf, SERVE_FLAGS, settingsFile } from "./flags.ts";

const path = { kind: "text", commandLineOnly: true } as const;

export default defineVerb({
  path: "trustee import",
  description:
    "Takes secrets, policies, reference values and the administrator's public key of an openanolis or Confidential Containers trustee into a trustee that is not running.\nWhat would open it to everybody is left out, and said; what is there already stays unless --replace is given, so it can be run again.",
  positionals: [{ name: "CONFIG", about: "the old key broker's configuration: kbs-config.toml, .yaml or .json", optional: true }],
  flags: {
    ...PLACE_FLAGS,
    "as-config": { ...path, value: "FILE", about: "the old attestation service's configuration: as-config.json" },
    "rvps-config": { ...path, value: "FILE", about: "the old reference value service's configuration: rvps.json" },
    root: { ...path, value: "DIR", about: "a folder that holds a copy of the old machine's files: its paths are looked up below it" },
    resources: { ...path, value: "DIR", about: "a tree of secrets: DIR/<repository>/<type>/<tag>" },
    storage: { ...path, value: "DIR", about: "a Confidential Containers storage (LocalFs or LocalJson): secrets, policies and values" },
    "resource-policy": { ...path, value: "FILE", about: "the resource policy (Rego)" },
    "attestation-policies": { ...path, value: "DIR", about: "a folder of attestation policies, <id>.rego" },
    "reference-values": { ...path, value: "FILE", about: "reference values: the array of a LocalJson file, or what rvps/query answers" },
    "admin-public-key": { ...path, value: "FILE", about: "the public key of the old administrator (Ed25519, PEM)" },
    "envelope-key": {
      kind: "list",
      value: "PATH",
      commandLineOnly: true,
      about: "a private key (RSA, PEM) that encrypted secrets are opened with, or a folder of them; may be repeated",
    },
    "dry-run": { kind: "switch", about: "say what would be taken, and change nothing", commandLineOnly: true },
    replace: { kind: "switch", about: "put what is imported in the place of what is there", commandLineOnly: true },
  },
  settingsFile,
  settingsOf: SERVE_FLAGS,
  examples: [
    {
      about: "look first: everything that the configurations of an openanolis trustee name",
      line: "cai trustee import /etc/trustee/kbs-config.toml --as-config /etc/trustee/as-config.json --dry-run",
    },
    {
      about: "the same from a copy of the old machine's files",
      line: "cai trustee import old/etc/trustee/kbs-config.toml --as-config old/etc/trustee/as-config.json --root old",
    },
    { about: "a Confidential Containers storage", line: "cai trustee import --storage /opt/confidential-containers/storage" },
    { about: "reference values that the old service answered", line: "cai trustee import --reference-values values.json --json" },
  ],
  exits: {
    0: "everything was taken, or left out for a reason that is said",
    1: "something could not be taken (trustee.import-incomplete)",
  },
  async run({ positionals: [configuration], flags, print }) {
    hardenProcess();
    const old = {
      configuration,
      asConfiguration: flags["as-config"],
      rvpsConfiguration: flags["rvps-config"],
      root: flags.root,
      resources: flags.resources,
      storage: flags.storage,
      resourcePolicy: flags["resource-policy"],
      attestationPolicies: flags["attestation-policies"],
      referenceValues: flags["reference-values"],
      adminPublicKey: flags["admin-public-key"],
      envelopeKeys: flags["envelope-key"],
    };
    const { root: _, envelopeKeys, ...parts } = old;
    if (envelopeKeys.length === 0 && Object.values(parts).every((part) => part === undefined)) {
      throw new CaiError("cli.usage", "say what to import: a configuration, or parts of an installation", {
        hint: "cai trustee import --help",
      });
    }
    const installation = readOldTrustee(old);
    const options = { dryRun: flags["dry-run"], replace: flags.replace, now: wallClock() };
    const report = await withData(placeOf(flags), (store) => importInstallation(store, installation, options));
    const serve = [...new Set(installation.serveFlags)].join(" ");
    const lines = [
      ...(options.dryRun ? ["nothing was changed (--dry-run)", ""] : []),
      report.text(),
      ...(serve === "" ? [] : ["", `the old one was reached as: cai trustee serve ${serve}`]),
    ];
    print({ dry_run: options.dryRun, ...report.json(), serve_flags: serve }, lines.join("\n"));
    const refused = report.count("refused");
    if (refused > 0)
      throw new CaiError("trustee.import-incomplete", `${refused} of the old trustee's things could not be taken`, {
        got: String(refused),
      });
  },
});
