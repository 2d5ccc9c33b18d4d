import { extname } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { parse as parseYaml, YAMLParseError } from "yaml";
import { CaiError } from "../../../system/index.ts";
import { readSourceText } from "./source-file.ts";

/** No configuration of an old installation is longer. */
const MAX_SETTINGS = 1024 * 1024;

/** A setting as it stands in a configuration: a value of any kind below keys. */
export class OldSettings {
  readonly path: string;
  readonly #value: unknown;

  constructor(path: string, value: unknown) {
    this.path = path;
    this.#value = value;
  }

  /** @returns what is below the keys; of nothing where one of them is not there */
  at(...keys: readonly string[]): OldSettings {
    let value = this.#value;
    for (const key of keys) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    return new OldSettings(this.path, value);
  }

  get given(): boolean {
    return this.#value !== undefined && this.#value !== null;
  }

  get text(): string | undefined {
    return typeof this.#value === "string" ? this.#value : undefined;
  }

  get isTrue(): boolean {
    return this.#value === true || this.#value === "true";
  }

  /** The items of a list; of one value, that value; of nothing, none. */
  get items(): OldSettings[] {
    if (!this.given) return [];
    return [this.#value].flat().map((item) => new OldSettings(this.path, item));
  }

  /** The texts in a list, or a single one. */
  get texts(): string[] {
    return this.items.flatMap((item) => item.text ?? []);
  }

  /** @returns paths such as `/a/b` of everything below for which `found` says yes */
  places(found: (key: string, value: unknown) => boolean): string[] {
    const places: string[] = [];
    const look = (value: unknown, path: string, depth: number) => {
      if (depth > 16 || typeof value !== "object" || value === null) return;
      for (const [key, member] of Object.entries(value)) {
        if (found(key, member)) places.push(`${path}/${key}`);
        look(member, `${path}/${key}`, depth + 1);
      }
    };
    look(this.#value, "", 0);
    return places;
  }
}

/**
 * Reads a configuration by its extension: `.toml`, `.yaml`, `.yml`, `.json` (trustee.md §9.2).
 *
 * @throws CaiError `trustee.import-unreadable`
 */
export function readOldSettings(path: string): OldSettings {
  const text = readSourceText(path, MAX_SETTINGS);
  try {
    const value: unknown = parserOf(path)(text);
    if (!isObject(value)) throw new Error("it holds no settings");
    return new OldSettings(path, value);
  } catch (error) {
    throw new CaiError("trustee.import-unreadable", `${path} is no configuration that can be read`, { got: placeOf(error) });
  }
}

/** Where a text is wrong, and not what stands there: parsers quote it, and a configuration may hold passwords. */
function placeOf(error: unknown): string {
  if (error instanceof TomlError) return `an error in line ${error.line}, column ${error.column}`;
  if (error instanceof YAMLParseError) return `an error in line ${error.linePos?.[0].line ?? "?"}`;
  return "no object of settings";
}

function parserOf(path: string): (text: string) => unknown {
  switch (extname(path)) {
    case ".json":
      return JSON.parse;
    case ".yaml":
    case ".yml":
      // Aliases are how a short text becomes a huge value.
      return (text) => parseYaml(text, { maxAliasCount: 0 });
    default:
      return parseToml;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
