import type { Context } from "./context.ts";
import type { DocumentBuilder } from "./document-builder.ts";
import { errorAt } from "./position.ts";
import type { RuleGroup } from "./rule-group.ts";
import { entriesOf, isObject, KeyedMembers, member, objectOf, RegoSet, type Value } from "./value.ts";

/** One step of `data`: packages and rules, over base documents. */
export class RuleTree {
  readonly path: readonly string[];
  readonly children = new Map<string, RuleTree>();
  group: RuleGroup | undefined;

  constructor(path: readonly string[] = []) {
    this.path = path;
  }

  child(name: string): RuleTree {
    let child = this.children.get(name);
    if (child === undefined) {
      child = new RuleTree([...this.path, name]);
      this.children.set(name, child);
    }
    return child;
  }

  at(path: readonly string[]): RuleTree {
    return path.reduce<RuleTree>((tree, step) => tree.child(step), this);
  }

  find(path: readonly string[]): RuleTree | undefined {
    return path.reduce<RuleTree | undefined>((tree, step) => tree?.children.get(step), this);
  }

  get name(): string {
    return ["data", ...this.path].join(".");
  }

  /** What its document is made of. */
  get dependencies(): Iterable<RuleGroup | RuleTree> {
    return this.group === undefined ? this.children.values() : [this.group, ...this.children.values()];
  }

  /** Every group here and below. */
  *groups(): Iterable<RuleGroup> {
    if (this.group !== undefined) yield this.group;
    for (const child of this.children.values()) yield* child.groups();
  }

  /** @throws CaiError `policy.compile-error` where a rule stands in the place of a package or of another rule's path */
  checkConflicts(): void {
    if (this.group !== undefined && this.group.kind !== "document" && this.children.size > 0) {
      const [below] = this.children.values();
      throw errorAt("policy.compile-error", this.group.at, `rule ${this.group.name} conflicts with data.${below!.path.join(".")}`);
    }
    for (const child of this.children.values()) child.checkConflicts();
  }

  /** @returns the document here: rules over base data */
  value(context: Context): Value | undefined {
    if (context.replaced.length > 0 && context.isReplaced(this.path)) return this.#base(context);
    const { group } = this;
    // Where a rule stands, base data never shows through, not even while the rule is undefined.
    if (group !== undefined && group.kind !== "function" && this.children.size === 0) return group.value(context);
    const base = this.#base(context);
    if (group?.kind === "function" && this.children.size === 0) return base;
    const members = new KeyedMembers<Value>();
    const overlay = (document: Value | undefined) => {
      if (document !== undefined && isObject(document)) for (const [key, value] of entriesOf(document)) members.set(key, value);
    };
    overlay(base);
    if (group?.kind === "document") {
      overlay(this.#merged(context, group));
      return objectOf(members);
    }
    for (const [name, child] of this.children) {
      const value = child.value(context);
      if (value !== undefined) members.set(name, value);
    }
    return objectOf(members);
  }

  /** A partial document and the rules at constant paths inside it, which must not contradict each other. */
  #merged(context: Context, group: RuleGroup): Value {
    return group.guarded(() => {
      const builder = group.collect(context);
      for (const [name, child] of this.children) child.#contribute(context, builder, [name]);
      return builder.done();
    });
  }

  #contribute(context: Context, builder: DocumentBuilder, path: readonly string[]): void {
    const { group } = this;
    if (context.isReplaced(this.path)) {
      const base = this.#base(context);
      if (base !== undefined) builder.put(path, base);
      return;
    }
    const value = group?.kind === "complete" || group?.kind === "set" ? group.value(context) : undefined;
    if (group?.kind === "document") builder.take(path, group.collect(context));
    else if (value instanceof RegoSet && group?.kind === "set") builder.takeSet(path, value);
    else if (value !== undefined) builder.put(path, value);
    for (const [name, child] of this.children) child.#contribute(context, builder, [...path, name]);
  }

  #base(context: Context): Value | undefined {
    let value: Value | undefined = context.data;
    for (const step of this.path) {
      if (value === undefined) return undefined;
      value = member(value, step);
    }
    return value;
  }
}
