import { basename, dirname, relative, sep } from "node:path";
import { CaiError, type JsonObject, type JsonValue } from "../../system/index.ts";
import { asObject, readJson } from "./policy-documents.ts";
import { filesBelow } from "./policy-files.ts";

/**
 * Reads every `data.json` of a folder and below it. The folders on the way to a file are the path in `data` where its members stand, as in
 * bundles of Open Policy Agent.
 *
 * @throws CaiError `cli.input-unreadable`, `policy.input-invalid`, also where two files have different values for one place
 */
export async function readTestData(folder: string): Promise<JsonObject> {
  let data: JsonObject = {};
  for (const file of filesBelow(folder).filter((path) => basename(path) === "data.json")) {
    const steps = relative(folder, dirname(file)).split(sep).filter(Boolean);
    const members = asObject(await readJson(file), file);
    data = merged(
      data,
      steps.reduceRight<JsonObject>((below, step) => ({ [step]: below }), members),
      file,
      [],
    );
  }
  return data;
}

function merged(into: JsonObject, from: JsonObject, file: string, path: readonly string[]): JsonObject {
  const result: { [name: string]: JsonValue } = Object.assign(Object.create(null), into);
  for (const [name, value] of Object.entries(from)) {
    const old = Object.hasOwn(into, name) ? into[name] : undefined;
    if (old === undefined) result[name] = value;
    else if (isObject(old) && isObject(value)) result[name] = merged(old, value, file, [...path, name]);
    else {
      const place = ["data", ...path, name].join(".");
      throw new CaiError("policy.input-invalid", `${file} gives ${place} a value that another file gave it already`);
    }
  }
  return result;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
