import { z } from "zod";
import { CaiError } from "../../../system/index.ts";

/** Where Intel's libraries look for the service to ask. */
export const QCNL_PATH = "/etc/sgx_default_qcnl.conf";

const schema = z.object({ pccs_url: z.string().optional(), collateral_service: z.string().optional() });

/**
 * The address of the service in a configuration file of Intel's quote provider library, in either of its forms: JSON with `//` comments, or
 * `PCCS_URL=` lines (tdx.md §2.8). What the file says about accepting any TLS certificate is not followed (security.md I39).
 *
 * @returns the address, or undefined where the file names none
 * @throws CaiError `cli.setting-invalid` where the text has neither form
 */
export function qcnlService(text: string): string | undefined {
  if (!withoutComments(text).trimStart().startsWith("{")) return /^[ \t]*PCCS_URL[ \t]*=[ \t]*(\S+)/m.exec(text)?.[1];
  try {
    const { collateral_service, pccs_url } = schema.parse(JSON.parse(withoutComments(text)));
    return collateral_service ?? pccs_url;
  } catch (cause) {
    throw new CaiError("cli.setting-invalid", `${QCNL_PATH} cannot be read`, { expected: "JSON with // comments, or PCCS_URL=…", cause });
  }
}

/** A `//` in a string, as in every address, begins no comment. */
const withoutComments = (text: string): string =>
  text.replace(/("(?:[^"\\\n]|\\.)*")|\/\/.*|\/\*[\s\S]*?\*\//g, (_, string) => string ?? "");
