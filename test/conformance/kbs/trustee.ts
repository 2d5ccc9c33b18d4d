import { afterAll, beforeAll } from "bun:test";
import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { caiJson, removeScratch, type Started, scratch, start } from "../../e2e/cai.ts";
import { type Answer, ask } from "./http.ts";
import { platform } from "./peer.ts";

export const ALLOW_ALL = "package policy\nimport rego.v1\nallow := true\n";

/** A trustee of the compiled executable that takes the platform of these tests. */
export interface Subject {
  readonly url: string;
  readonly folder: string;
  readonly data: string;
  readonly process: Started;
  readonly adminKey: KeyObject;
  end(): Promise<void>;
}

/** Starts a trustee whose resource policy allows everything. @param flags  of `cai trustee serve` */
export async function startSubject(...flags: string[]): Promise<Subject> {
  const folder = scratch();
  const data = join(folder, "trustee");
  writeFileSync(join(folder, "anchor.pem"), platform.anchorPem);
  writeFileSync(join(folder, "collateral.json"), platform.bundle());
  const adminKey = createPrivateKey(readFileSync(String((await caiJson(["trustee", "init", "--simulated", "--data", data]))["admin_key"])));
  const trust = ["--trust-anchor", join(folder, "anchor.pem"), "--collateral", join(folder, "collateral.json")];
  const process = await start(["trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", ...trust, ...flags]);
  const end = async () => {
    await process.kill("SIGTERM");
    removeScratch(folder);
  };
  const subject = { url: String(process.ready["url"]), folder, data, process, adminKey, end };
  await setResourcePolicy(subject, ALLOW_ALL);
  return subject;
}

/** An administrator's token as the frontend of the openanolis family makes it (trustee.md §2.1). */
export function adminToken(key: KeyObject, claims: object = {}, header: object = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "EdDSA", typ: "JWT", ...header })}.${part({ iat: now, exp: now + 7200, ...claims })}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
}

/** An administrator's call below `/kbs/v0/`. */
export function manage(subject: Subject, method: string, path: string, body?: string | Uint8Array): Promise<Answer> {
  const headers = { Authorization: `Bearer ${adminToken(subject.adminKey)}` };
  return ask(subject.url, { method, target: `/kbs/v0/${path}`, headers, ...(body !== undefined && { body }) });
}

export async function setResourcePolicy(subject: Subject, text: string): Promise<void> {
  const body = JSON.stringify({ policy: Buffer.from(text).toString("base64url") });
  const answer = await manage(subject, "POST", "resource-policy", body);
  if (answer.status !== 200) throw new Error(`resource-policy: ${answer.status} ${answer.body}`);
}

/** Sets a resource. */
export async function store(subject: Subject, path: string, content: string | Uint8Array): Promise<void> {
  const answer = await manage(subject, "POST", `resource/${path}`, content);
  if (answer.status !== 200) throw new Error(`resource: ${answer.status} ${answer.body}`);
}

/**
 * Serves a trustee for each family of peers while the tests of a file run.
 *
 * @param prepare  what is done to each before the first test
 */
export function serveFamilies(prepare: (subject: Subject) => Promise<void> = async () => {}) {
  let subjects: readonly Subject[] = [];
  beforeAll(async () => {
    subjects = await Promise.all([startSubject(), startSubject("--compat", "coco")]);
    await Promise.all(subjects.map(prepare));
  }, 60_000);
  afterAll(async () => {
    await Promise.all(subjects.map((subject) => subject.end()));
  });
  const oa = () => subjects[0]!;
  const cc = () => subjects[1]!;
  return { oa, cc, each: [["openanolis", oa] as const, ["coco", cc] as const] };
}
