import { type Annotation, annotationOf } from "./annotation.ts";
import { type Comment, commentsOf } from "./lexer.ts";
import { errorAt, type Position } from "./position.ts";
import type { Module, Rule } from "./syntax.ts";
import type { Value } from "./value.ts";

/** The annotations of a policy: blocks of comments that start with `# METADATA`, each of which belongs to the statement after it. */
export class Annotations {
  /** of each rule, the nearest one last */
  readonly #rules = new Map<Rule, Annotation[]>();
  /** by the path of a rule: of all rules that have it */
  readonly #documents = new Map<string, Annotation>();
  readonly #packages = new Map<string, Annotation>();
  /** by the path of a package: of it and of all below it */
  readonly #subpackages = new Map<string, { readonly path: readonly string[]; readonly annotation: Annotation }>();
  /** what was given for a rule and for a package, so that asking often makes nothing anew */
  readonly #chains = new Map<Rule, Value>();
  readonly #packageChains = new Map<string, readonly Value[]>();

  /** @throws CaiError `policy.compile-error` for a block that is no annotation of what follows it */
  constructor(modules: readonly Module[]) {
    for (const module of modules) this.#read(module);
  }

  /** What `rego.metadata.rule()` gives within a rule. */
  rule(rule: Rule): Value {
    return this.#rules.get(rule)?.at(-1)?.value ?? {};
  }

  /** What `rego.metadata.chain()` gives within a rule: its annotations, then those of its document, of the package and of those above. */
  chain(rule: Rule, packagePath: readonly string[]): Value {
    let chain = this.#chains.get(rule);
    if (chain === undefined) {
      const path = pathOf(rule, packagePath);
      const own = this.#rules.get(rule)?.map(({ value }) => entry(path, value)) ?? [{ path }];
      const document = this.#documents.get(keyOf(path));
      chain = [...own.reverse(), ...(document === undefined ? [] : [entry(path, document.value)]), ...this.#packageChain(packagePath)];
      this.#chains.set(rule, chain);
    }
    return chain;
  }

  #packageChain(path: readonly string[]): readonly Value[] {
    const key = keyOf(path);
    let chain = this.#packageChains.get(key);
    if (chain === undefined) {
      const own = this.#packages.get(key);
      const above = [...this.#subpackages].filter(([one]) => key === one || key.startsWith(`${one}\0`)).map(([, found]) => found);
      above.sort((a, b) => b.path.length - a.path.length);
      chain = [...(own === undefined ? [] : [entry(path, own.value)]), ...above.map((found) => entry(found.path, found.annotation.value))];
      this.#packageChains.set(key, chain);
    }
    return chain;
  }

  #read(module: Module): void {
    let nextRule = 0;
    let nextImport = 0;
    for (const block of blocksOf(commentsOf(module.name, module.text))) {
      // Blocks and statements stand in the same order.
      while ((module.rules[nextRule]?.at.line ?? Number.POSITIVE_INFINITY) <= block.end) nextRule++;
      while ((module.imports[nextImport]?.at.line ?? Number.POSITIVE_INFINITY) <= block.end) nextImport++;
      const rule = module.rules[nextRule];
      const importLine = module.imports[nextImport]?.at.line ?? Number.POSITIVE_INFINITY;
      if (module.at.line > block.end) this.#ofPackage(module, block);
      else if (rule !== undefined && rule.at.line < importLine) this.#ofRule(module, rule, block);
      else throw errorAt("policy.compile-error", block.at, "annotations: expected a package or a rule after the block");
    }
  }

  #ofPackage({ package: path }: Module, { at, text }: Block): void {
    const annotation = annotationOf(text, at, "package");
    const { scope } = annotation;
    const key = keyOf(path);
    if (scope === "package") {
      if (this.#packages.has(key)) throw second(at, scope, path);
      this.#packages.set(key, annotation);
    } else if (scope === "subpackages") {
      if (this.#subpackages.has(key)) throw second(at, scope, path);
      this.#subpackages.set(key, { path, annotation });
    } else throw errorAt("policy.compile-error", at, `annotations: scope ${scope} does not fit the package below`);
  }

  #ofRule(module: Module, rule: Rule, { at, text }: Block): void {
    const annotation = annotationOf(text, at, "rule");
    const { scope } = annotation;
    if (scope === "rule") {
      const others = this.#rules.get(rule);
      if (others === undefined) this.#rules.set(rule, [annotation]);
      else others.push(annotation);
    } else if (scope === "document") {
      const path = pathOf(rule, module.package);
      if (this.#documents.has(keyOf(path))) throw second(at, scope, path);
      this.#documents.set(keyOf(path), annotation);
    } else throw errorAt("policy.compile-error", at, `annotations: scope ${scope} does not fit the rule below`);
  }
}

function entry(path: readonly string[], annotations: Value): Value {
  return { annotations, path };
}

function second(at: Position, scope: string, path: readonly string[]): Error {
  return errorAt("policy.compile-error", at, `annotations: a second block of scope ${scope} for ${path.join(".")}`);
}

/** The constant part of a rule's path below `data`. */
function pathOf(rule: Rule, packagePath: readonly string[]): string[] {
  const path = [...packagePath, rule.name];
  for (const step of rule.path) {
    if (step.kind !== "value" || typeof step.value !== "string") break;
    path.push(step.value);
  }
  return path;
}

const keyOf = (path: readonly string[]) => path.join("\0");

interface Block {
  readonly at: Position;
  /** the comments' text below the first line */
  readonly text: string;
  /** its last line */
  readonly end: number;
}

/** Blocks of comments line under line whose first one says METADATA. */
function blocksOf(comments: readonly Comment[]): Block[] {
  const blocks: Block[] = [];
  for (let i = 0; i < comments.length; i++) {
    const { at, text } = comments[i]!;
    if (text.trim() !== "METADATA") continue;
    const lines: string[] = [];
    for (; comments[i + 1]?.at.line === at.line + lines.length + 1; i++) lines.push(comments[i + 1]!.text);
    blocks.push({ at, text: lines.join("\n"), end: at.line + lines.length });
  }
  return blocks;
}
