import type { Position } from "./position.ts";
import type { Value } from "./value.ts";

/** A term as it is written; names are not yet resolved. */
export type Term = { readonly at: Position } & (
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "ref"; readonly head: Term; readonly path: readonly Term[] }
  /** a call of a function by its dotted name; operators are calls of their built-ins (`plus`, `equal` …) */
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Term[] }
  | { readonly kind: "array" | "set"; readonly items: readonly Term[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [Term, Term])[] }
  | {
      readonly kind: "comprehension";
      readonly of: "array" | "set" | "object";
      /** of an object comprehension only */
      readonly key: Term | undefined;
      readonly value: Term;
      readonly body: readonly Literal[];
    }
  | { readonly kind: "template"; readonly parts: readonly (string | Term)[] }
);

export interface With {
  readonly target: Term;
  readonly value: Term;
}

/** One statement of a body. */
export type Literal = { readonly at: Position; readonly with: readonly With[] } & (
  | { readonly kind: "expression"; readonly term: Term }
  | { readonly kind: "assign" | "unify"; readonly left: Term; readonly right: Term }
  | { readonly kind: "not"; readonly literal: Literal }
  | { readonly kind: "some"; readonly names: readonly string[] }
  | { readonly kind: "some-in"; readonly key: Term | undefined; readonly value: Term; readonly domain: Term }
  | {
      readonly kind: "every";
      readonly key: Term | undefined;
      readonly value: Term;
      readonly domain: Term;
      readonly body: readonly Literal[];
    }
);

/** A value and the body it needs: a rule's own, or one of its `else` branches. */
export interface Branch {
  readonly at: Position;
  /** undefined means true */
  readonly value: Term | undefined;
  readonly body: readonly Literal[];
}

export interface Rule {
  readonly at: Position;
  /** the name and what follows it in the head: `p`, `p.q[x]` */
  readonly name: string;
  readonly path: readonly Term[];
  readonly args: readonly Term[] | undefined;
  /** the member of a `contains` head or of a v0 partial set */
  readonly element: Term | undefined;
  readonly isDefault: boolean;
  /** the rule's own branch, then its `else` branches in order */
  readonly branches: readonly Branch[];
}

export interface Import {
  readonly at: Position;
  readonly path: readonly string[];
  readonly alias: string;
}

export interface Module {
  readonly name: string;
  /** of its package */
  readonly at: Position;
  readonly package: readonly string[];
  readonly imports: readonly Import[];
  readonly rules: readonly Rule[];
  /** the source */
  readonly text: string;
  /** what only one of the two versions of the language has */
  readonly dialect: readonly DialectMark[];
}

/** Where a module uses what only one version of the language has: a keyword that v0 has to import, or a form that v1 refuses. */
export interface DialectMark {
  readonly at: Position;
  readonly kind: "if" | "contains" | "in" | "every" | "body-without-if" | "set-without-contains";
}
