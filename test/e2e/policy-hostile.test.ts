import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CORPUS } from "../policy/hostile/corpus.ts";
import { cai } from "./cai.ts";

const folder = mkdtempSync(join(tmpdir(), "cai-hostile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("cai policy eval of a hostile policy", () => {
  test.each(CORPUS.map((one, i) => [one.name, i, one] as const))(
    "%s ends with an error of the catalogue or an answer that is not true",
    async (_, i, { policy, input, ids }) => {
      const file = join(folder, `${i}.rego`);
      writeFileSync(file, policy);
      const args = ["policy", "eval", file, "--query", "data.policy.allow", "--json"];
      if (input !== undefined) {
        const document = join(folder, `${i}.json`);
        writeFileSync(document, input);
        args.push("--input", document);
      }
      const { status, stdout, stderr } = await cai(args);
      if (status === 0) {
        expect(ids.length === 0 || ids.includes("policy.harmless")).toBe(true);
        expect(JSON.stringify((JSON.parse(stdout) as { readonly result: unknown }).result)).not.toMatch(/:true\b/);
        return;
      }
      expect([1, 2, 3]).toContain(status);
      const { error } = JSON.parse(stderr) as { readonly error: { readonly id: string } };
      // Where files are read, what is too large or nested too deeply may be refused already.
      expect([...ids, "cli.input-unreadable", "policy.input-invalid"]).toContain(error.id);
    },
    60_000,
  );
});
