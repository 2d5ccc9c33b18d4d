import type { Eval } from "./code.ts";
import { constantOf } from "./collection-code.ts";
import type { Generator } from "./generator.ts";
import type { Node, ResolvedRule } from "./ir.ts";
import type { Plan } from "./plan.ts";
import { errorAt } from "./position.ts";
import { equal, isObject, iterate, member, sizeOf, type Value } from "./value.ts";

/**
 * Plans `left = right`. Variables without a value get one where the other side has it.
 *
 * @returns false where neither side gives what the other needs
 */
export function unifyCode(generator: Generator, left: Node, right: Node, plan: Plan): boolean {
  const leftPattern = plan.isPattern(left);
  const rightPattern = plan.isPattern(right);
  if (leftPattern && rightPattern) return unifyPatterns(generator, left, right, plan);
  if (leftPattern) return match(generator, left, right, plan);
  if (rightPattern) return match(generator, right, left, plan);
  const a = generator.value(left, plan);
  const b = a && generator.value(right, plan);
  if (a === null || b === null) return false;
  plan.steps.push({ test: equalCode(a, b) });
  return true;
}

function equalCode(a: Eval, b: Eval): (...args: Parameters<Eval>) => boolean {
  return (context, frame) => {
    const x = a(context, frame);
    if (x === undefined) return false;
    const y = b(context, frame);
    return y !== undefined && equal(x, y);
  };
}

/** Both sides have variables without a value: works only part by part. */
function unifyPatterns(generator: Generator, left: Node, right: Node, plan: Plan): boolean {
  let pairs: (readonly [Node, Node])[];
  if (left.kind === "array" && right.kind === "array" && left.items.length === right.items.length) {
    pairs = left.items.map((item, i) => [item, right.items[i]!] as const);
  } else if (left.kind === "object" && right.kind === "object" && left.entries.length === right.entries.length) {
    const found = left.entries.map(([key, value]) => [value, entryOf(right, key)] as const);
    if (!found.every((pair): pair is readonly [Node, Node] => pair[1] !== undefined)) return false;
    pairs = found;
  } else return false;
  return unifyAll(generator, pairs, plan);
}

function entryOf(object: Node & { readonly kind: "object" }, key: Node): Node | undefined {
  const wanted = constantOf(key);
  return object.entries.find(([other]) => {
    if (key.kind === "local" && other.kind === "local") return key.local === other.local;
    const name = constantOf(other);
    return wanted !== undefined && name !== undefined && equal(wanted, name);
  })?.[1];
}

/** Unifies pairs in whatever order their variables allow. */
function unifyAll(generator: Generator, pairs: readonly (readonly [Node, Node])[], plan: Plan): boolean {
  const waiting = [...pairs];
  while (waiting.length > 0) {
    const ready = waiting.findIndex(([a, b]) => {
      generator.countAttempt(a.at);
      const fork = plan.fork();
      if (!unifyCode(generator, a, b, fork)) return false;
      plan.adopt(fork);
      return true;
    });
    if (ready < 0) return false;
    waiting.splice(ready, 1);
  }
  return true;
}

/** Matches a pattern with a value. */
function match(generator: Generator, pattern: Node, from: Node, plan: Plan): boolean {
  if ((pattern.kind === "array" || pattern.kind === "object") && from.kind === pattern.kind) {
    return unifyPatterns(generator, pattern, from, plan);
  }
  const value = generator.value(from, plan);
  if (value === null) return false;
  return matchValue(generator, pattern, value, plan);
}

/** Matches a pattern with the value of code; a part of the pattern that has its value already is compared. */
function matchValue(generator: Generator, pattern: Node, value: Eval, plan: Plan): boolean {
  const slot = pattern.kind === "local" ? pattern.local.slot : generator.layout.allocate();
  plan.steps.push({ test: storeCode(value, slot) });
  if (pattern.kind === "local") {
    plan.bind(pattern.local);
    return true;
  }
  return matchSlot(generator, pattern, slot, plan);
}

function storeCode(value: Eval, slot: number): (...args: Parameters<Eval>) => boolean {
  return (context, frame) => {
    const result = value(context, frame);
    if (result === undefined) return false;
    frame[slot] = result;
    return true;
  };
}

/** Matches a pattern with what stands in a slot. */
function matchSlot(generator: Generator, pattern: Node, slot: number, plan: Plan): boolean {
  if (!plan.isPattern(pattern)) return unifyCode(generator, pattern, { kind: "slot", slot, at: pattern.at }, plan);
  if (pattern.kind === "local") return matchValue(generator, pattern, (_, frame) => frame[slot] as Value, plan);
  if (pattern.kind === "array") {
    const { items } = pattern;
    plan.steps.push({ test: (_, frame) => Array.isArray(frame[slot]) && frame[slot].length === items.length });
    return unifyAll(
      generator,
      items.map((item, i) => [item, part(generator, slot, i, pattern, plan)] as const),
      plan,
    );
  }
  if (pattern.kind !== "object") return false;
  const { entries } = pattern;
  plan.steps.push({ test: (_, frame) => isObject(frame[slot] as Value) && sizeOf(frame[slot] as Value) === entries.length });
  const pairs: (readonly [Node, Node])[] = [];
  for (const [key, value] of entries) {
    const name = generator.value(key, plan);
    if (name === null) return false;
    const place = generator.layout.allocate();
    plan.steps.push({
      test: storeCode((context, frame) => {
        const at = name(context, frame);
        return at === undefined ? undefined : member(frame[slot] as Value, at);
      }, place),
    });
    pairs.push([value, { kind: "slot", slot: place, at: key.at }]);
  }
  return unifyAll(generator, pairs, plan);
}

function part(generator: Generator, slot: number, index: number, pattern: Node, plan: Plan): Node {
  const place = generator.layout.allocate();
  plan.steps.push({ test: storeCode((_, frame) => (frame[slot] as readonly Value[])[index], place) });
  return { kind: "slot", slot: place, at: pattern.at };
}

/** Plans an iteration over the members of a collection: each key is matched with one pattern and each value with another. */
export function iterateStep(generator: Generator, domain: Eval, key: Node | undefined, value: Node, plan: Plan): boolean {
  const keySlot = targetSlot(generator, key, plan);
  const valueSlot = targetSlot(generator, value, plan);
  plan.steps.push({
    wrap: (next) => (context, frame) => {
      const of = domain(context, frame);
      if (of === undefined) return false;
      return iterate(of, (name, item) => {
        context.run.tick();
        frame[keySlot] = name;
        frame[valueSlot] = item;
        return next(context, frame);
      });
    },
  });
  return settle(generator, key, keySlot, plan) && settle(generator, value, valueSlot, plan);
}

/** Where iteration puts what this pattern is matched with: the variable's own slot where the pattern is one without a value. */
function targetSlot(generator: Generator, pattern: Node | undefined, plan: Plan): number {
  if (pattern?.kind === "slot") return pattern.slot;
  return pattern?.kind === "local" && !plan.isBound(pattern.local) ? pattern.local.slot : generator.layout.allocate();
}

function settle(generator: Generator, pattern: Node | undefined, slot: number, plan: Plan): boolean {
  if (pattern === undefined || pattern.kind === "slot") return true;
  if (pattern.kind === "local" && pattern.local.slot === slot) {
    plan.bind(pattern.local);
    return true;
  }
  return matchSlot(generator, pattern, slot, plan);
}

/** Matches a function's arguments, which stand in the slots from 1 on, with the patterns of its head. */
export function matchArguments(generator: Generator, rule: ResolvedRule, plan: Plan): void {
  for (const [i, arg] of (rule.args ?? []).entries()) {
    if (arg.kind === "local" && arg.local.name === "_") continue;
    if (!matchSlot(generator, arg, i + 1, plan)) {
      throw errorAt("policy.compile-error", arg.at, "an argument's pattern has variables without a value");
    }
  }
}
