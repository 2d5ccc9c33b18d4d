import type { JsonValue } from "../json.ts";
import type { Logger } from "../log.ts";
import type { Progress } from "./progress.ts";

/** A positional argument, in the order given. */
export interface PositionalSpec {
  readonly name: string;
  readonly about: string;
  readonly optional?: true;
  /** takes every further argument, at least one unless it is optional; the last positional only */
  readonly variadic?: true;
}

interface FlagBase {
  readonly about: string;
  /** one letter that stands for the flag after a single hyphen */
  readonly short?: string;
  /** a flag that is no setting comes from the command line only, never from a variable or a file */
  readonly commandLineOnly?: true;
  /** a setting that widens what is allowed comes from a flag or a file, never from a variable, which others may have set */
  readonly noVariable?: true;
  /** the heading that the help lists the flag under, after the others: for flags that few people need */
  readonly group?: string;
}

export interface TextFlag extends FlagBase {
  readonly kind: "text";
  /** what stands for the value in the help, for example `URL` */
  readonly value: string;
  readonly default?: string;
  readonly required?: true;
  /** the only values taken */
  readonly oneOf?: readonly string[];
  /** what is printed of the value where it may hold a password */
  readonly shown?: (value: string) => string;
}

export interface NumberFlag extends FlagBase {
  readonly kind: "number";
  readonly value: string;
  readonly min: number;
  readonly max: number;
  readonly default?: number;
  readonly required?: true;
}

/**
 * A flag that may be given several times; its value is the list of what was given, in that order. As a variable it is one text with commas between,
 * in a settings file an array of texts, or one text for a list of one.
 */
export interface ListFlag extends FlagBase {
  readonly kind: "list";
  /** what stands for one value in the help */
  readonly value: string;
  readonly default?: readonly string[];
}

/** A flag without a value. */
export interface SwitchFlag extends FlagBase {
  readonly kind: "switch";
}

export type FlagSpec = TextFlag | NumberFlag | ListFlag | SwitchFlag;

type Certain = { readonly required: true } | { readonly default: string | number };
type FlagValue<F extends FlagSpec> = F extends SwitchFlag
  ? boolean
  : F extends ListFlag
    ? readonly string[]
    : F extends NumberFlag
      ? F extends Certain
        ? number
        : number | undefined
      : F extends Certain
        ? string
        : string | undefined;

export type FlagValues<F extends Readonly<Record<string, FlagSpec>>> = { readonly [K in keyof F]: FlagValue<F[K]> };
export type PositionalValues<P extends readonly PositionalSpec[]> = {
  readonly [K in keyof P]: P[K] extends { readonly variadic: true }
    ? readonly string[]
    : P[K] extends { readonly optional: true }
      ? string | undefined
      : string;
};

/** Where the value of a setting came from, in the order of precedence. */
export type SettingSource = "flag" | "environment" | "file" | "default" | "unset";

/** What a verb gets when it runs. */
export interface VerbContext<P extends readonly PositionalSpec[], F extends Readonly<Record<string, FlagSpec>>> {
  readonly positionals: PositionalValues<P>;
  readonly flags: FlagValues<F>;
  readonly sources: { readonly [K in keyof F]: SettingSource };
  /** true where the caller asked for one JSON document on standard output */
  readonly json: boolean;
  readonly log: Logger;
  /** aborted by SIGINT and SIGTERM */
  readonly signal: AbortSignal;
  /** Prints the verb's result: `value` with `--json`, else the text. Called at most once. */
  print(value: JsonValue, text: string): void;
  /** A progress bar on standard error, where that is a terminal. */
  progress(label: string): Progress;
}

/** One command: what its help says, what it takes, and what it does. */
export interface VerbSpec<P extends readonly PositionalSpec[], F extends Readonly<Record<string, FlagSpec>>> {
  /** the words after `cai`, for example `model encrypt` */
  readonly path: string;
  /** what the command does, in about two sentences */
  readonly description: string;
  readonly positionals: P;
  readonly flags: F;
  /** lines that work as pasted */
  readonly examples: readonly { readonly line: string; readonly about: string }[];
  /** what an exit status means here, where that says more than the general table */
  readonly exits?: Readonly<Partial<Record<0 | 1 | 2 | 3 | 4, string>>>;
  /** the settings file that is read when `--config` does not name one and this one exists; absent: the verb has no settings file */
  readonly settingsFile?: (flags: Readonly<Record<string, string | number | boolean | undefined>>) => string | undefined;
  /** flags of other verbs whose keys the settings file may have, too */
  readonly settingsOf?: Readonly<Record<string, FlagSpec>>;
  run(context: VerbContext<P, F>): Promise<void>;
}

/** A verb whose types are hidden, as the command tree holds it. */
export interface Verb {
  readonly spec: VerbSpec<readonly PositionalSpec[], Readonly<Record<string, FlagSpec>>>;
}

/** Makes a command out of its description. */
export function defineVerb<const P extends readonly PositionalSpec[], const F extends Readonly<Record<string, FlagSpec>>>(
  spec: VerbSpec<P, F>,
): Verb {
  // The runner builds the context from this very specification, so the wider type loses nothing but names.
  return { spec: spec as unknown as Verb["spec"] };
}
