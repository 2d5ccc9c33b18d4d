import { describe, expect, test } from "bun:test";
import { agreedRoots } from "../../../src/roles/agent/index.ts";
import { rejection } from "../../rejection.ts";

const A = `sha256:${"a".repeat(64)}`;
const B = `sha256:${"b".repeat(64)}`;
const C = `sha256:${"c".repeat(64)}`;

function agreed(...places: (readonly string[])[]): readonly string[] {
  return agreedRoots(places.map((roots, index) => ({ name: `place ${index}`, roots })));
}

describe("roots from several places", () => {
  test("where no place names one, none is allowed by name", () => {
    expect(agreed()).toEqual([]);
    expect(agreed([], [])).toEqual([]);
  });

  test("one place alone decides", () => {
    expect(agreed([A], [])).toEqual([A]);
    expect(agreed([], [A, B])).toEqual([A, B]);
  });

  test("several places allow what all of them allow", () => {
    expect(agreed([B], [A, B])).toEqual([B]);
    expect(agreed([A, B], [B, C], [B])).toEqual([B]);
    expect(agreed([A, B], [], [B, A])).toEqual([A, B]);
  });

  test("places that agree on none are a conflict that names them and what they say", () => {
    const error = rejection(() => agreed([A], [B, C]));
    expect(error.id).toBe("model.root-conflict");
    expect(error.got).toBe(`place 0: ${A}; place 1: ${B} or ${C}`);
    expect(rejection(() => agreed([A, B], [B, C], [A, C])).id).toBe("model.root-conflict");
  });
});
