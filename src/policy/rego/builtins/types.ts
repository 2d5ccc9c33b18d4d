import { parseNumber } from "../number.ts";
import { RegoSet, type TypeName, typeName, type Value } from "../value.ts";
import { type Builtin, BuiltinFailure, type Builtins, builtin, listArg } from "./builtin.ts";

function isType(name: TypeName): Builtin {
  return builtin(1, ([value]) => typeName(value!) === name);
}

function cast(name: TypeName): Builtin {
  return builtin(1, ([value]) => {
    if (typeName(value!) !== name) throw new BuiltinFailure(`expected ${name}, got ${typeName(value!)}`);
    return value;
  });
}

function toNumber(value: Value): Value {
  if (value === null || value === false) return 0;
  if (value === true) return 1;
  if (typeof value === "number" || typeof value === "bigint") return value;
  const number = typeof value === "string" ? parseNumber(value.replace(/^\+/, "")) : undefined;
  if (number === undefined) throw new BuiltinFailure(`expected a number, a numeric string, a boolean or null, got ${typeName(value)}`);
  return number;
}

/** Type checks and casts. */
export const types: Builtins = {
  type_name: builtin(1, ([value]) => typeName(value!)),
  is_null: isType("null"),
  is_boolean: isType("boolean"),
  is_number: isType("number"),
  is_string: isType("string"),
  is_array: isType("array"),
  is_object: isType("object"),
  is_set: isType("set"),
  cast_array: builtin(1, (args) => [...listArg(args, 0)]),
  cast_set: builtin(1, (args) => new RegoSet(listArg(args, 0))),
  cast_string: cast("string"),
  cast_boolean: cast("boolean"),
  cast_null: cast("null"),
  cast_object: cast("object"),
  to_number: builtin(1, ([value]) => toNumber(value!)),
};
