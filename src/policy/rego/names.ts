import { nearest } from "../../system/index.ts";
import { unavailableReason } from "./builtins/unavailable.ts";
import { errorAt, type PolicyError, type Position } from "./position.ts";

/** @returns the error for a call of a function that there is not: one that is not offered, or one that may be misspelt */
export function unknownFunction(name: string, known: Iterable<string>, at: Position): PolicyError {
  const reason = unavailableReason(name);
  if (reason !== undefined) {
    return errorAt("policy.builtin-unavailable", at, `${name} is not offered: ${reason}`, { got: name });
  }
  return errorAt("policy.compile-error", at, `unknown function ${name}`, meant(name, known));
}

/** @returns the hint that names what a misspelt name most likely meant */
export function meant(name: string, known: Iterable<string>): { readonly hint?: string } {
  const found = nearest(name, [...known]);
  return found === undefined || found === name ? {} : { hint: `did you mean ${found}?` };
}
