import type { JsonValue } from "../../system/index.ts";

/** A term and what it was, as Rego text of at most about 100 characters; `undefined` where it had no value. */
export interface ShownValue {
  readonly term: string;
  readonly value: string;
  /** of an undefined ref: where its path ended, for example `input.submods has "gpu0" only` */
  readonly note?: string;
}

/** Why something held or not. */
export interface Reason {
  /**
   * `rule`: a rule or function by its name, because of its clauses · `clause`: one body of it, because of its statements · `default` ·
   * `statement` · `member`: of a collection that `every` goes through · `answer`: what a body of a set, object or comprehension gave
   */
  readonly kind: "rule" | "clause" | "default" | "statement" | "member" | "answer";
  readonly holds: boolean;
  /** name of the module; `query` for the query itself */
  readonly file: string;
  /** counts from 1 */
  readonly line: number;
  /** counts from 1, in UTF-16 units */
  readonly column: number;
  /** the text there in one line, shortened; the name of a rule */
  readonly source: string;
  readonly values: readonly ShownValue[];
  readonly note?: string;
  /** of a clause that failed: how many of its statements held at once at most */
  readonly passed?: number;
  readonly because: readonly Reason[];
}

/** What a query gave, and why. Plain data: its JSON is the document that `cai policy explain --json` prints. */
export interface Explanation {
  readonly query: string;
  /** `undefined` where it has no answer; `value` for anything but the two booleans, and for queries with variables that have answers */
  readonly outcome: "true" | "false" | "undefined" | "value";
  /** of a path such as `data.policy.allow` */
  readonly value?: JsonValue;
  readonly reasons: readonly Reason[];
  /** true where reasons were left out because there are too many, or because the budget of the policy was used up */
  readonly truncated: boolean;
}
