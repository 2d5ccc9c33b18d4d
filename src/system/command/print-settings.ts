import type { JsonValue } from "../json.ts";
import { formatTable } from "./table.ts";
import type { FlagSpec, VerbContext } from "./verb.ts";

/**
 * Prints the settings in force and where each came from, as `cai <role> config` promises. Settings hold paths, and of one that may hold a
 * password its flag says what is shown.
 *
 * @param specs  the verb's flags
 */
export function printSettings(
  context: Pick<VerbContext<readonly [], Readonly<Record<string, FlagSpec>>>, "flags" | "sources" | "print">,
  specs: Readonly<Record<string, FlagSpec>>,
): void {
  const rows = Object.entries(context.flags).map(([name, value]) => ({
    name,
    value: value === undefined ? null : shownValue(specs[name], value),
    source: context.sources[name] ?? "unset",
  }));
  const json: Record<string, JsonValue> = {};
  for (const { name, value, source } of rows) json[name] = { value, source };
  context.print(json, formatTable(rows.map(({ name, value, source }) => [name, value === null ? "-" : String(value) || "-", source])));
}

function shownValue<T>(spec: FlagSpec | undefined, value: T): T | string {
  return spec?.kind === "text" && spec.shown !== undefined ? spec.shown(String(value)) : value;
}
