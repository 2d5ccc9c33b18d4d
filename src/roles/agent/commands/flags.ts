import { parseTrusteePin } from "../../../protocol/index.ts";
import { CaiError, type FlagSpec, type FlagValues, type Logger, readTextFile, streamAddress } from "../../../system/index.ts";
import type { Attester } from "../../../tee/index.ts";
import { QUOTE_SOURCES, type QuoteSourceName, type TdxPaths, tdxPaths } from "../../../tee/tdx/index.ts";
import { createKbsClient, type KbsClient, selectAttester } from "../index.ts";

/**
 * How a TDX guest's own interfaces are reached. No variable sets them: whoever could name another place for a register would keep events from being
 * measured (security.md I10).
 */
const TDX_GROUP = "Hardware (rarely needed)";
const TDX_FLAGS = {
  "quote-source": {
    kind: "text",
    value: "NAME",
    default: "auto",
    oneOf: ["auto", ...QUOTE_SOURCES],
    noVariable: true,
    group: TDX_GROUP,
    about: "how quotes are got: configfs-tsm, the host's service over vsock, the vendor kernel's ioctl; auto tries them in this order",
  },
  qgs: {
    kind: "text",
    value: "ADDRESS",
    noVariable: true,
    group: TDX_GROUP,
    about: "the host's quote generation service: vsock:PORT, vsock:CID:PORT or unix:PATH, instead of the port in /etc/tdx-attest.conf",
  },
  "tdx-device": {
    kind: "text",
    value: "FILE",
    noVariable: true,
    group: TDX_GROUP,
    about: "the guest device, where it has another name than /dev/tdx_guest",
  },
  "tdx-root": {
    kind: "text",
    value: "DIR",
    default: "/",
    noVariable: true,
    group: TDX_GROUP,
    about: "where /sys, /dev, /etc and /run of the machine are: for containers that see them below another folder",
  },
  "runtime-log": {
    kind: "text",
    value: "FILE",
    noVariable: true,
    group: TDX_GROUP,
    about: "the agent's event log, where it is not /run/attestation-agent/eventlog [AAEL_PATH]",
  },
} as const satisfies Record<string, FlagSpec>;

/** Where evidence comes from. */
export const TEE_FLAGS = {
  "simulated-tdx": {
    kind: "text",
    value: "FILE",
    about: "be the simulated TDX machine of this file (`cai sim tdx init`) instead of real hardware",
  },
  ...TDX_FLAGS,
} as const satisfies Record<string, FlagSpec>;

/** How an agent reaches and recognises its trustee. */
export const TRUSTEE_FLAGS = {
  trustee: { kind: "text", value: "URL", default: "http://127.0.0.1:8080", about: "the trustee" },
  "trustee-pin": {
    kind: "text",
    value: "PIN",
    about: "who the trustee must be: tid:… (as `cai trustee init` prints it) or spki:sha256:…; demanded over plain HTTP off loopback",
  },
  ca: { kind: "text", value: "FILE", about: "certificate authorities (PEM) for the trustee's TLS, instead of the built-in ones" },
  ...TEE_FLAGS,
} as const satisfies Record<string, FlagSpec>;

export type ClientSettings = Pick<FlagValues<typeof TRUSTEE_FLAGS>, keyof typeof TRUSTEE_FLAGS>;

/** @throws CaiError `cli.setting-invalid`, `cli.input-unreadable`, and what `createKbsClient` and `selectAttester` throw */
export async function clientOf(settings: ClientSettings, logger: Logger): Promise<KbsClient> {
  if (!URL.canParse(settings.trustee)) {
    throw new CaiError("cli.setting-invalid", `--trustee cannot be ${JSON.stringify(settings.trustee)}`, {
      expected: "an http or https address",
      got: settings.trustee,
    });
  }
  const pin = settings["trustee-pin"];
  return createKbsClient({
    trustee: new URL(settings.trustee),
    ...(pin !== undefined && { pin: parseTrusteePin(pin) }),
    ...(settings.ca !== undefined && { ca: readTextFile(settings.ca) }),
    attester: await attesterOf(settings),
    logger,
  });
}

/** @throws CaiError `cli.setting-invalid`, and what `selectAttester` throws */
export function attesterOf(settings: FlagValues<typeof TEE_FLAGS>): Promise<Attester> {
  const simulatedTdx = settings["simulated-tdx"];
  const { qgs, "quote-source": source } = settings;
  return selectAttester({
    ...(simulatedTdx !== undefined && { simulatedTdx }),
    tdx: {
      paths: pathsOf(settings),
      source: source as QuoteSourceName | "auto",
      ...(qgs !== undefined && { qgs: streamAddress(qgs) }),
    },
  });
}

function pathsOf(settings: FlagValues<typeof TDX_FLAGS>): TdxPaths {
  const paths = tdxPaths(settings["tdx-root"]);
  const device = settings["tdx-device"];
  // The variable is the one that other agents take, so that an image that sets it keeps one log.
  const runtimeLog = settings["runtime-log"] ?? process.env["AAEL_PATH"];
  return { ...paths, ...(device !== undefined && { devicePaths: [device] }), ...(runtimeLog !== undefined && { runtimeLog }) };
}
