import type { JsonValue } from "../json.ts";
import { formatTable } from "./table.ts";
import type { FlagSpec, VerbContext } from "./verb.ts";

/** Prints the settings in force and where each came from, as `cai <role> config` promises. Settings hold paths, never secrets. */
export function printSettings(
  context: Pick<VerbContext<readonly [], Readonly<Record<string, FlagSpec>>>, "flags" | "sources" | "print">,
): void {
  const rows = Object.entries(context.flags).map(([name, value]) => ({
    name,
    value: value ?? null,
    source: context.sources[name] ?? "unset",
  }));
  const json: Record<string, JsonValue> = {};
  for (const { name, value, source } of rows) json[name] = { value, source };
  context.print(json, formatTable(rows.map(({ name, value, source }) => [name, value === null ? "-" : String(value) || "-", source])));
}
