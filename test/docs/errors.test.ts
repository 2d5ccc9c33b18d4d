import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { errorsPage } from "../../scripts/documents/errors.ts";
import { catalogue } from "../../src/system/index.ts";

test("the page of errors is the one that the catalogue gives (scripts/reference writes it)", () => {
  expect(readFileSync("docs/errors.md", "utf8")).toBe(errorsPage());
});

test("every error has a dotted id, a cause and a remedy, one line each", () => {
  for (const [id, { cause, remedy }] of Object.entries(catalogue)) {
    expect(id).toMatch(/^[a-z]+\.[a-z0-9-]+$/);
    for (const text of [cause, remedy]) expect(text).toMatch(/^[^\n]{10,}$/);
  }
});
