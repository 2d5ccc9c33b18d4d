import { createHash } from "node:crypto";
import { showTdreport, TDREPORT_SIZE } from "../../../tee/tdx/index.ts";
import type { Artefact, ArtefactKind, Explanation } from "./artefact.ts";
import { byPart, fieldRows, fieldsJson } from "./fields.ts";

/** The report of the TDX module that only the same machine can check (tdx.md §3.2). */
export const tdreport: ArtefactKind = {
  name: "TDREPORT (1024 bytes)",
  explain({ bytes }: Artefact): Explanation | undefined {
    if (bytes.length !== TDREPORT_SIZE || bytes[0] !== 0x81 || bytes[1] !== 0) return undefined;
    const fields = showTdreport(bytes);
    const digest = (from: number, to: number): string => createHash("sha384").update(bytes.subarray(from, to)).digest("hex");
    const own = (name: string): string => fields.find((field) => field.name === name)!.value.toHex();
    const consistent = digest(256, 495) === own("tee_tcb_info_hash") && digest(512, 1024) === own("td_info_hash");
    return {
      kind: "TDREPORT of a TDX module",
      json: { ...fieldsJson(fields), digests_agree: consistent },
      sections: [
        {
          title: "TDREPORT",
          rows: [
            ["digests", consistent ? "agree with the parts that they are of" : "DO NOT agree with the parts that they are of"],
            ["MAC", "only the machine that made it can check it"],
          ],
        },
        ...[...byPart(fields)].map(([part, rows]) => ({
          title: part,
          rows: [["offset", "size", "field", "value", ""], ...fieldRows(rows)],
        })),
      ],
    };
  },
};
