import { parseTrusteePin } from "../../../protocol/index.ts";
import { CaiError, type FlagSpec, type Logger, readTextFile } from "../../../system/index.ts";
import { createKbsClient, type KbsClient, selectAttester } from "../index.ts";

/** Where evidence comes from. */
export const TEE_FLAGS = {
  "simulated-tdx": {
    kind: "text",
    value: "FILE",
    about: "be the simulated TDX machine of this file (`cai sim tdx init`) instead of real hardware",
  },
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

export interface ClientSettings {
  readonly trustee: string;
  readonly "trustee-pin": string | undefined;
  readonly ca: string | undefined;
  readonly "simulated-tdx": string | undefined;
}

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

/** @throws CaiError what `selectAttester` throws */
export function attesterOf(settings: { readonly "simulated-tdx": string | undefined }) {
  const path = settings["simulated-tdx"];
  return selectAttester(path === undefined ? {} : { simulatedTdx: path });
}
