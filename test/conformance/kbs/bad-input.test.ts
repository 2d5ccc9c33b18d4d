import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { announce, ask, dial, parse, rest, verdict } from "./http.ts";
import { openAsUpstream } from "./jwe.ts";
import { Peer } from "./peer.ts";
import { type Subject, startSubject, store } from "./trustee.ts";

const SECRET = "secret behind bad input";
const MIB = 1024 * 1024;
let subject: Subject;
beforeAll(async () => {
  subject = await startSubject();
  await store(subject, "default/key/one", SECRET);
}, 60_000);
afterAll(() => subject.end());

/** An honest guest's whole way. */
async function served(): Promise<string> {
  const guest = new Peer(subject.url);
  const { cookie } = await guest.attest();
  return openAsUpstream((await guest.get("resource/default/key/one", { Cookie: cookie })).body, guest.key).plaintext;
}

/** @returns the number of rows of a table */
function rowsOf(table: string): number {
  const database = new Database(join(subject.data, "trustee.db"), { readonly: true });
  const row = database.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get();
  database.close();
  return row?.n ?? 0;
}

/** @returns bytes of memory that the trustee holds */
function memory(): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${subject.process.pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}

const NO_JSON = [
  "",
  "{",
  "null",
  "[]",
  "1",
  '"text"',
  "{}",
  "\u0000",
  "\ufeff{}",
  '{"version":"0.4.0","tee":"tdx","extra-params":""',
  "{'a':1}",
];
const NO_UTF8 = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]);
const DEEP = `{"version":"0.4.0","tee":"tdx","extra-params":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;

describe("§1.3, §1.6 a message that is none", () => {
  test.each(["auth", "attest"])("to %s is 502 and told as malformed", async (path) => {
    for (const body of [...NO_JSON, NO_UTF8, DEEP]) {
      const guest = new Peer(subject.url);
      const { cookie } = await guest.auth();
      const answer = await ask(subject.url, { method: "POST", target: `/kbs/v0/${path}`, body, headers: { Cookie: cookie } });
      expect(verdict(answer)).toBe("502 AttestationError kbs.message-malformed");
    }
  });

  test("with a member of another kind is refused", async () => {
    const guest = new Peer(subject.url);
    const opened = await guest.auth();
    const good = guest.message(opened);
    const nonce = { nonce: opened.nonce };
    const changes: Record<string, object>[] = [
      { "kbs.message-malformed": { "tee-evidence": null } },
      { "kbs.message-malformed": { "tee-evidence": { primary_evidence: {}, additional_evidence: {} } } },
      { "kbs.message-malformed": { "tee-evidence": { "primary-evidence": {}, additional_evidence: "" } } },
      { "kbs.message-malformed": { "init-data": "text" } },
      { "kbs.message-malformed": { "init-data": { format: "toml", body: "x".repeat(300 * 1024) } } },
      { "kbs.evidence-purpose": { "runtime-data": null } },
      { "kbs.evidence-purpose": { "runtime-data": nonce } },
      { "kbs.evidence-purpose": { "runtime-data": { ...nonce, "tee-pubkey": guest.key.jwk, "additional-evidence": "" } } },
      { "kbs.evidence-purpose": { "runtime-data": { nonce: 7, "tee-pubkey": guest.key.jwk } } },
    ];
    for (const change of changes) {
      for (const [id, members] of Object.entries(change)) {
        const { cookie } = await guest.auth();
        const answer = await guest.attestAnswer({ cookie }, JSON.stringify({ ...good, ...members }));
        expect(verdict(answer)).toBe(`502 AttestationError ${id}`);
      }
    }
  });

  test("with additional evidence that is no object of platforms is refused", async () => {
    const guest = new Peer(subject.url);
    for (const text of ["[]", "null", "{", '"x"', '{"__proto__":{}}', '{"UPPER":{}}', `{"a":${"[".repeat(2000)}${"]".repeat(2000)}}`]) {
      const opened = await guest.auth();
      expect(verdict(await guest.attestAnswer(opened, guest.message(opened, text)))).toBe("502 AttestationError kbs.message-malformed");
    }
  });
});

describe("§1.6 a nonce", () => {
  test("of another session, of another trustee's form, and used before is refused", async () => {
    const guest = new Peer(subject.url);
    const [one, two] = [await guest.auth(), await guest.auth()];
    expect(verdict(await guest.attestAnswer(two, guest.message(one)))).toBe("502 AttestationError kbs.nonce-foreign");
    for (const nonce of [
      "",
      "x",
      two.nonce.slice(0, -1),
      `${two.nonce}=`,
      two.nonce.replace(/.$/, "A"),
      Buffer.alloc(32).toString("base64"),
    ]) {
      const answer = await guest.attestAnswer(two, guest.message({ nonce }));
      expect(verdict(answer)).toMatch(/^502 AttestationError kbs\.(nonce-foreign|evidence-purpose)$/);
    }
    const spent = await guest.auth();
    const bad = { ...guest.message(spent), "tee-evidence": { primary_evidence: {}, additional_evidence: "" } };
    expect(verdict(await guest.attestAnswer(spent, bad))).toBe("502 AttestationError tdx.evidence-malformed");
    expect(verdict(await guest.attestAnswer(spent, guest.message(spent)))).toBe("502 AttestationError kbs.nonce-spent");
  });

  test("opens one session where fifty come with it at the same moment", async () => {
    const guest = new Peer(subject.url);
    const opened = await guest.auth();
    const body = JSON.stringify(guest.message(opened));
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => verdict(await guest.attestAnswer(opened, `${body}${" ".repeat(i)}`))),
    );
    expect(outcomes.filter((outcome) => outcome.startsWith("200 "))).toHaveLength(1);
    for (const outcome of outcomes)
      expect(outcome).toMatch(/^(200 |502 AttestationError kbs\.nonce-spent$|401 AttestationError kbs\.session-used$)/);
  });
});

describe("§1.1 a body that is too large", () => {
  test("is refused by its announced length, before any of it came", async () => {
    for (const path of ["attest", "resource/a/b/c", "resource-policy", "attestation-policy"]) {
      for (const size of [2 * MIB + 1, 3 * MIB, 64 * MIB]) {
        expect(verdict(await announce(subject.url, `/kbs/v0/${path}`, size))).toBe("413 SerdeError kbs.request-too-large");
      }
    }
    expect(verdict(await announce(subject.url, "/kbs/v0/auth", 64 * 1024 + 1))).toBe("413 SerdeError kbs.request-too-large");
  });

  test("is refused while it comes in chunks", async () => {
    const socket = await dial(subject.url);
    socket.write("POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    const answer = rest(socket);
    for (let i = 0; i < 2; i++) socket.write(`100000\r\n${" ".repeat(MIB)}\r\n`);
    // The byte that is too much, and no end after it.
    socket.write("1\r\n ");
    expect(verdict(parse(await answer))).toBe("413 SerdeError kbs.request-too-large");
  });

  test("of exactly the limit is read", async () => {
    const guest = new Peer(subject.url);
    const opened = await guest.auth();
    const body = JSON.stringify(guest.message(opened));
    expect((await guest.attestAnswer(opened, body + " ".repeat(2 * MIB - body.length))).status).toBe(200);
  });
});

test("slow clients, with half a header or half a body each, keep nobody from being served", async () => {
  const sockets = await Promise.all(Array.from({ length: 400 }, () => dial(subject.url)));
  for (const [i, socket] of sockets.entries()) {
    socket.on("error", () => {});
    if (i % 2 === 0) socket.write("POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    else socket.write('POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n{"runtime-data":');
  }
  try {
    for (let i = 0; i < 5; i++) expect(await served()).toBe(SECRET);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test("ten thousand half-open sessions cost the store nothing and hold no memory, and an honest guest attests among them (security.md §3.1)", async () => {
  const tables = ["sessions", "nonces", "decisions"];
  expect(await served()).toBe(SECRET);
  const open = async (count: number) => {
    const body = JSON.stringify({ version: "0.4.0", tee: "tdx", "extra-params": "" });
    for (let i = 0; i < count; i++) {
      const answer = await fetch(`${subject.url}/kbs/v0/auth`, { method: "POST", body });
      if (answer.status !== 200) throw new Error(`auth: ${answer.status}`);
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 20 }, () => open(50)));
  const rows = tables.map(rowsOf);
  const before = memory();
  await Promise.all(Array.from({ length: 20 }, () => open(500)));
  expect(tables.map(rowsOf)).toEqual(rows);
  expect(memory() - before).toBeLessThan(100 * MIB);
  expect(await served()).toBe(SECRET);
}, 120_000);

test("requests that are no HTTP, or lie about their length, get no secret and take nothing down", async () => {
  const texts = [
    "\u0000\u0001\u0002",
    "GET / HTTP/9.9\r\n\r\n",
    "GET\r\n\r\n",
    `GET /kbs/v0/${"a".repeat(300_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  ];
  texts.push(
    "POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
  );
  texts.push("POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n\r\n");
  texts.push("POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  for (const text of texts) {
    const socket = await dial(subject.url);
    socket.end(text, "latin1");
    const answer = (await rest(socket)).toString("latin1");
    expect(answer).not.toContain(SECRET);
    expect(answer).not.toMatch(/^HTTP\/1\.1 200/);
  }
  expect(await served()).toBe(SECRET);
});
