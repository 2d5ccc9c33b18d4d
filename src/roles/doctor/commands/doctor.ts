import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { fuseAvailable } from "../../../model/index.ts";
import { CaiError, createHttpClient, defineVerb, readTextFile, streamAddress } from "../../../system/index.ts";
import { collateralClient, configuredOrigins, metadataClient, parseCollateralFile } from "../../../tee/tdx/index.ts";
import type { CollateralPlaces } from "../checks/collateral.ts";
import { diagnose, type Subject } from "../diagnosis.ts";
import { Machine } from "../machine.ts";
import { diagnosisJson, diagnosisText } from "../report.ts";

/** Nobody waits longer for one answer in a diagnosis. */
const TIMEOUT_SECONDS = 10;

export default defineVerb({
  path: "doctor",
  description:
    "Says what this machine is and lacks: TEE, ways to a quote, measurement registers, event log, what else has a say in it, FUSE, swap, clock, collateral, trustee.\nEach finding comes with what mends it; at the end stands the assurance level that verdicts about this machine can reach, and why not a higher one.",
  positionals: [],
  flags: {
    trustee: { kind: "text", value: "URL", about: "also look whether this trustee can be reached" },
    ca: { kind: "text", value: "FILE", about: "certificate authorities (PEM) for the trustee's TLS, instead of the built-in ones" },
    data: {
      kind: "text",
      value: "DIR",
      about: "a trustee's data directory on this machine, to look at where its keys lie; trustees that run are found without it",
      commandLineOnly: true,
    },
    "collateral-source": {
      kind: "text",
      value: "LIST",
      about:
        "sources of collateral to ask: intel, alibaba, alibaba:REGION, http(s) addresses, files; by default what this machine is set up for",
      commandLineOnly: true,
    },
    "collateral-source-ca": {
      kind: "text",
      value: "FILE",
      about: "certificate authorities (PEM) of sources that are given by address, instead of the built-in ones",
      commandLineOnly: true,
    },
    offline: { kind: "switch", about: "ask no source of collateral", commandLineOnly: true },
    qgs: {
      kind: "text",
      value: "ADDRESS",
      commandLineOnly: true,
      group: "Hardware (rarely needed)",
      about: "the host's quote generation service: vsock:PORT, vsock:CID:PORT or unix:PATH, instead of the port in /etc/tdx-attest.conf",
    },
    "tdx-root": {
      kind: "text",
      value: "DIR",
      default: "/",
      commandLineOnly: true,
      group: "Hardware (rarely needed)",
      about: "where /sys, /dev, /etc and /run of the machine are: for containers that see them below another folder",
    },
  },
  examples: [
    { about: "on the machine itself, as root", line: "cai doctor" },
    { about: "with the trustee that it will ask", line: "cai doctor --trustee https://trustee.example:8443" },
    { about: "on a machine without a way out", line: "cai doctor --offline" },
    { about: "what has to be mended, for a program", line: `cai doctor --json | jq '.findings[] | select(.severity == "problem")'` },
  ],
  exits: { 0: "everything could be looked at, whatever was found", 1: "a check itself failed" },
  async run({ flags, print }) {
    const { trustee, ca, offline, qgs } = flags;
    const machine = new Machine(flags["tdx-root"]);
    const subject: Subject = {
      machine,
      fuse: fuseAvailable(),
      now: Math.floor(Date.now() / 1000),
      reportData: new Uint8Array(randomBytes(64)),
      ...(flags.data !== undefined && { trusteeData: resolve(flags.data) }),
      ...(qgs !== undefined && { qgs: streamAddress(qgs) }),
      ...(!offline && { collateral: placesOf(flags["collateral-source"], flags["collateral-source-ca"], machine) }),
      ...(trustee !== undefined && {
        trustee: {
          url: urlOf(trustee),
          client: createHttpClient({ timeoutMs: TIMEOUT_SECONDS * 1000, ...(ca !== undefined && { ca: readTextFile(ca) }) }),
        },
      }),
    };
    const diagnosis = await diagnose(subject);
    print(diagnosisJson(diagnosis), diagnosisText(diagnosis));
    if (diagnosis.failed.length > 0) {
      throw new CaiError("doctor.check-failed", `could not look at: ${diagnosis.failed.join(", ")}`, { got: diagnosis.failed.join(", ") });
    }
  },
});

function placesOf(source: string | undefined, ca: string | undefined, machine: Machine): CollateralPlaces {
  const surroundings = { environment: process.env, readFile: (path: string) => machine.text(path), metadata: metadataClient() };
  return {
    origins: configuredOrigins(source, surroundings),
    client: collateralClient({ timeoutSeconds: TIMEOUT_SECONDS, ...(ca !== undefined && { ca: readTextFile(ca) }) }),
    readFile: (path) => parseCollateralFile(readTextFile(path)),
  };
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new CaiError("cli.setting-invalid", `--trustee cannot be ${JSON.stringify(text)}`, {
    expected: "an http or https address",
    got: text,
  });
}
