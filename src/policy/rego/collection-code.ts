import type { Eval, Exec } from "./code.ts";
import type { Generator } from "./generator.ts";
import type { Node } from "./ir.ts";
import type { Plan } from "./plan.ts";
import { errorAt } from "./position.ts";
import { equal, KeyedMembers, objectOf, RegoSet, type Value } from "./value.ts";
import { describeValue } from "./value-text.ts";

type Collection = Extract<Node, { readonly kind: "array" | "set" | "object" }>;

/** Code of an array, set or object that is written out. */
export function collectionCode(generator: Generator, node: Collection, plan: Plan): Eval | null {
  const constant = constantOf(node);
  if (constant !== undefined) return () => constant;
  if (node.kind !== "object") {
    const items = generator.values(node.items, plan);
    return items && (node.kind === "array" ? arrayCode(items) : setCode(items));
  }
  const keys = generator.values(
    node.entries.map(([key]) => key),
    plan,
  );
  const values = generator.values(
    node.entries.map(([, value]) => value),
    plan,
  );
  return keys && values && objectCode(keys, values);
}

/** @returns the value of a term without variables, refs and calls; undefined otherwise */
export function constantOf(node: Node): Value | undefined {
  if (node.kind === "value") return node.value;
  if (node.kind === "array" || node.kind === "set") {
    const items = node.items.map(constantOf);
    if (!items.every((item) => item !== undefined)) return undefined;
    return node.kind === "array" ? items : new RegoSet(items);
  }
  if (node.kind !== "object") return undefined;
  const members = new KeyedMembers<Value>();
  for (const [key, value] of node.entries) {
    const [k, v] = [constantOf(key), constantOf(value)];
    if (k === undefined || v === undefined) return undefined;
    members.set(k, v);
  }
  return objectOf(members);
}

function arrayCode(items: readonly Eval[]): Eval {
  return (context, frame) => {
    const array: Value[] = [];
    for (const item of items) {
      const value = item(context, frame);
      if (value === undefined) return undefined;
      array.push(value);
    }
    return array;
  };
}

function setCode(items: readonly Eval[]): Eval {
  const array = arrayCode(items);
  return (context, frame) => {
    const values = array(context, frame);
    return values && new RegoSet(values as readonly Value[]);
  };
}

function objectCode(keys: readonly Eval[], values: readonly Eval[]): Eval {
  return (context, frame) => {
    const members = new KeyedMembers<Value>();
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!(context, frame);
      const value = key === undefined ? undefined : values[i]!(context, frame);
      if (key === undefined || value === undefined) return undefined;
      members.set(key, value);
    }
    return objectOf(members);
  };
}

/** Code of a comprehension: its body runs to the end and adds to a collection that stands in a slot. */
export function comprehensionCode(generator: Generator, node: Node & { readonly kind: "comprehension" }, plan: Plan): Eval | null {
  for (const local of node.free) if (!plan.isBound(local)) return null;
  const slot = generator.layout.allocate();
  const { key: keyNode } = node;
  const head = keyNode === undefined ? [node.value] : [keyNode, node.value];
  const finish = (inner: Plan): Exec | null => {
    const value = generator.value(node.value, inner);
    if (value === null) return null;
    if (keyNode === undefined) {
      return (context, frame) => {
        const element = value(context, frame);
        if (element === undefined) return false;
        const collector = frame[slot] as Value[] | RegoSet;
        if (collector instanceof RegoSet) collector.add(element);
        else collector.push(element);
        context.run.tick();
        return false;
      };
    }
    const key = generator.value(keyNode, inner);
    if (key === null) return null;
    return (context, frame) => {
      const name = key(context, frame);
      const element = name === undefined ? undefined : value(context, frame);
      if (name === undefined || element === undefined) return false;
      const members = frame[slot] as KeyedMembers<Value>;
      const old = members.get(name);
      if (old !== undefined && !equal(old, element)) {
        throw errorAt("policy.eval-error", node.at, "conflict: an object comprehension gives one key two values");
      }
      members.set(name, element);
      context.run.tick();
      return false;
    };
  };
  const body = generator.body(node.body, plan.fork(), node.at, finish, head);
  if (node.of === "object") {
    return (context, frame) => {
      const members = new KeyedMembers<Value>();
      frame[slot] = members;
      body(context, frame);
      context.run.members(members.size);
      return objectOf(members);
    };
  }
  const isArray = node.of === "array";
  return (context, frame) => {
    const collector: Value[] | RegoSet = isArray ? [] : new RegoSet();
    frame[slot] = collector;
    body(context, frame);
    context.run.members(collector instanceof RegoSet ? collector.size : collector.length);
    return collector;
  };
}

/** Code of a template string: an expression without a value shows as `<undefined>`. */
export function templateCode(generator: Generator, node: Node & { readonly kind: "template" }, plan: Plan): Eval | null {
  const parts: (string | Eval)[] = [];
  for (const part of node.parts) {
    const code = typeof part === "string" ? part : generator.value(part, plan);
    if (code === null) return null;
    parts.push(code);
  }
  return (context, frame) => {
    let text = "";
    for (const part of parts) {
      if (typeof part === "string") text += part;
      else {
        const value = part(context, frame);
        text += value === undefined ? "<undefined>" : describeValue(value);
      }
      context.run.characters(text.length);
    }
    return text;
  };
}
