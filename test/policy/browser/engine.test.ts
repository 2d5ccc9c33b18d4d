import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compilePolicy } from "../../../src/policy/index.ts";
import type { JsonObject } from "../../../src/system/index.ts";
import policy from "../decisions/claims-by-rule.rego" with { type: "text" };
import { bootReferences, tdx } from "../decisions/evidence.ts";
import { bundleEngine } from "./bundle.ts";

const CHROMIUM = Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome");

/** No profile, no traffic but the page's own. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-extensions",
  "--disable-sync",
  "--metrics-recording-only",
  "--no-default-browser-check",
  "--no-first-run",
  "--no-proxy-server",
];

/** One thing that the page asks the engine. */
interface Question {
  readonly policy: string;
  readonly query: string;
  readonly input?: JsonObject;
  readonly data?: JsonObject;
}

const QUESTIONS: { readonly [name: string]: Question } = {
  graded: { policy, query: "data.policy", input: tdx(), data: { reference: bootReferences() } },
  hashed: {
    policy:
      'package p\nmd5 := crypto.md5("é")\nsha1 := crypto.sha1("é")\nsha256 := crypto.sha256("é")\nhmac := crypto.hmac.sha512("é", "k")\nsame := crypto.hmac.equal("a", "a")',
    query: "data.p",
  },
  encoded: {
    policy: 'package p\na := base64.encode("é")\nb := hex.encode("é")\nc := base64url.decode("w6k")\nd := sprintf("%x", ["é"])',
    query: "data.p",
  },
  matched: { policy: "package p\nx := regex.find_n(`[a-f]+`, input.text, -1)", query: "data.p.x", input: { text: "xxabcxxdef" } },
  read: { policy: 'package p\nx := [yaml.unmarshal("a: [1, {b: c}]"), yaml.marshal({"a": ["yes"]})]', query: "data.p.x" },
  annotated: { policy: "package p\n# METADATA\n# title: T\nx := rego.metadata.chain()", query: "data.p.x" },
  exact: { policy: "package p\nx := sprintf(`%d`, [9007199254740993 + 2])", query: "data.p.x" },
};

const REFUSED: { readonly [name: string]: string } = {
  "io.jwt.verify_rs256": 'io.jwt.verify_rs256("t", "k")',
  "io.jwt.verify_es256": 'io.jwt.verify_es256("t", "k")',
  "io.jwt.decode_verify": 'io.jwt.decode_verify("t", {})',
  "io.jwt.encode_sign": "io.jwt.encode_sign({}, {}, {})",
};

// Nothing here waits: the browser prints the document as soon as its scripts have run. The page writes what comes of each question into its document, which the browser then prints.
const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><pre id="answers"></pre>
<script type="module">
import "./engine.js";
import { questions, refused } from "./questions.js";
const answers = {};
for (const [name, { policy, query, input, data }] of Object.entries(questions)) {
  const reference = data?.reference ?? {};
  const referenceValue = (id) => Object.hasOwn(reference, id) ? reference[id] : null;
  try {
    answers[name] = globalThis.policyEngine.compilePolicy(policy).evaluate(query, { input, data, referenceValue });
  } catch (error) {
    answers[name] = String(error.stack);
  }
}
for (const [name, call] of Object.entries(refused)) {
  try {
    globalThis.policyEngine.compilePolicy("package p\\nx := " + call);
  } catch ({ id, message }) {
    answers[name] = { id, message };
  }
}
document.getElementById("answers").textContent = btoa(unescape(encodeURIComponent(JSON.stringify(answers))));
</script>`;

describe.skipIf(CHROMIUM === null)("the policy engine in a page (skipped where there is no Chromium)", () => {
  const profile = mkdtempSync(join(tmpdir(), "cai-browser-"));
  afterAll(() => rmSync(profile, { recursive: true, force: true }));
  let asked: Promise<{ readonly [name: string]: unknown }> | undefined;

  function answers(): Promise<{ readonly [name: string]: unknown }> {
    asked ??= ask(profile);
    return asked;
  }

  test.each(Object.keys(QUESTIONS))(
    "answers %s as it does in this process",
    async (name) => {
      const { policy: text, query, input, data } = QUESTIONS[name]!;
      const reference = (data?.["reference"] ?? {}) as JsonObject;
      const here = compilePolicy(text).evaluate(query, {
        ...(input !== undefined && { input }),
        ...(data !== undefined && { data }),
        referenceValue: (id) => reference[id] ?? null,
      });
      expect(here).toBeDefined();
      expect((await answers())[name]).toEqual(JSON.parse(JSON.stringify(here)));
    },
    60_000,
  );

  test.each(Object.keys(REFUSED))(
    "refuses %s by its name when a policy is compiled",
    async (name) => {
      expect((await answers())[name]).toEqual({ id: "policy.builtin-unavailable", message: expect.stringContaining(name) });
      expect(() => compilePolicy(`package p\nx := ${REFUSED[name]}`)).not.toThrow();
    },
    60_000,
  );
});

/** Shows the page to a browser and reads what it wrote there. */
async function ask(profile: string): Promise<{ readonly [name: string]: unknown }> {
  const files: { readonly [path: string]: readonly [type: string, text: string] } = {
    "/": ["text/html", PAGE],
    "/engine.js": ["text/javascript", await bundleEngine()],
    "/questions.js": [
      "text/javascript",
      `export const questions = ${JSON.stringify(QUESTIONS)};\nexport const refused = ${JSON.stringify(REFUSED)};`,
    ],
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const file = files[new URL(request.url).pathname];
      return file === undefined ? new Response(null, { status: 404 }) : new Response(file[1], { headers: { "content-type": file[0] } });
    },
  });
  try {
    const browser = Bun.spawn([CHROMIUM!, ...FLAGS, `--user-data-dir=${profile}`, "--dump-dom", server.url.href], {
      stdout: "pipe",
      stderr: "pipe",
      timeout: 50_000,
      env: { PATH: process.env["PATH"] ?? "", HOME: profile },
    });
    const [page, said] = await Promise.all([new Response(browser.stdout).text(), new Response(browser.stderr).text()]);
    const written = /<pre id="answers">([^<]+)<\/pre>/.exec(page)?.[1];
    if (written === undefined) throw new Error(`the page wrote no answers: ${page.slice(0, 500)} ${said.slice(-500)}`);
    return JSON.parse(Buffer.from(written, "base64").toString()) as { readonly [name: string]: unknown };
  } finally {
    await server.stop(true);
  }
}

test("a bundle for pages holds nothing of the machine", async () => {
  const text = await bundleEngine();
  expect(text).not.toMatch(/\b(?:import|from)\s*\(?["'](?:node|bun):/);
  expect(text).not.toContain("dlopen");
});
