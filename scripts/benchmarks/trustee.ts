import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { publicJwkOf } from "../../src/crypto/index.ts";
import { encodeAttestation, encodeRequest, parseTeeKey, rcarRuntimeData, reportDataOf } from "../../src/protocol/index.ts";
import { simulatedTdxAttester } from "../../src/tee/tdx/index.ts";
import { removeScratch } from "../../test/e2e/cai.ts";
import { startWorld, type World } from "../../test/e2e/world.ts";
import { KeepAlive } from "./keep-alive.ts";
import { CAI, type Figure, run } from "./measure.ts";

const CONNECTIONS = 100;
const AUTHS = 40_000;
const RUNS = 4000;
/** Whole runs a second that clients ask for where the time of each is measured: a queue that only grows would measure itself. */
const PACE = 400;
const PACED_RUNS = 4000;
const SETS = 3000;
const SESSIONS = 10_000;
const RESOURCE = "default/key/bench";

/** The trustee on the wire: its load generator speaks raw HTTP over kept connections, on the same cores. */
export async function benchTrustee(): Promise<Figure[]> {
  const world = await startWorld();
  try {
    run([CAI, "resource", "set", `kbs:///${RESOURCE}`, "--random", "32", ...world.admin]);
    const url = new URL(world.url);
    const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => KeepAlive.connect(url)));
    const guest = makeGuest(world);
    await rounds(connections, 200, (connection) => guest(connection));
    const figures = [
      await authRate(connections),
      await runRate(connections, guest),
      await pacedRuns(connections, guest),
      await setRate(connections.slice(0, 32), world),
      await sessionMemory(connections, guest, world),
    ];
    for (const connection of connections) connection.close();
    return figures;
  } finally {
    await world.trustee.kill("SIGTERM");
    removeScratch(world.folder);
  }
}

/** Runs `work` so many times, one at a time on each connection. @returns seconds */
async function rounds(connections: readonly KeepAlive[], times: number, work: (connection: KeepAlive) => Promise<void>): Promise<number> {
  let left = times;
  const start = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      while (left-- > 0) await work(connection);
    }),
  );
  return (performance.now() - start) / 1000;
}

const JSON_TYPE = "content-type: application/json\r\n";

async function authRate(connections: readonly KeepAlive[]): Promise<Figure> {
  const request = encodeRequest("tdx");
  const seconds = await rounds(connections, AUTHS, async (connection) => {
    const { status } = await connection.request("POST", "/kbs/v0/auth", JSON_TYPE, request);
    if (status !== 200) throw new Error(`auth answered ${status}`);
  });
  return figure("auth", AUTHS / seconds, 8000, `${AUTHS} requests, ${connections.length} connections`);
}

type Run = (connection: KeepAlive) => Promise<void>;

/** @returns a whole run: auth, attest with a fresh quote, GET of the resource */
function makeGuest(world: World): Run {
  const attester = simulatedTdxAttester(world.machine);
  const teeKey = parseTeeKey({
    ...publicJwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey),
    alg: "ECDH-ES+A256KW",
  });
  const request = encodeRequest("tdx");
  return async (connection) => {
    const { cookie } = await attested(connection);
    const resource = await connection.request("GET", `/kbs/v0/resource/${RESOURCE}`, `cookie: ${cookie}\r\n`);
    if (resource.status !== 200) throw new Error(`the resource answered ${resource.status} ${resource.body}`);
  };

  async function attested(connection: KeepAlive): Promise<{ cookie: string }> {
    const { body, cookie } = await connection.request("POST", "/kbs/v0/auth", JSON_TYPE, request);
    const { nonce, "extra-params": extra } = JSON.parse(body.toString()) as { nonce: string; "extra-params": { cai: { tid: string } } };
    const hashed = { nonce, teeKey, additionalEvidence: "", tid: extra.cai.tid };
    const primaryEvidence = await attester.evidence(reportDataOf(rcarRuntimeData(hashed), "sha384"));
    const attest = encodeAttestation({ ...hashed, primaryEvidence });
    const answer = await connection.request("POST", "/kbs/v0/attest", `${JSON_TYPE}cookie: ${cookie}\r\n`, attest);
    if (answer.status !== 200) throw new Error(`attest answered ${answer.status} ${answer.body}`);
    return { cookie };
  }
}

async function runRate(connections: readonly KeepAlive[], guest: Run): Promise<Figure> {
  const seconds = await rounds(connections.slice(0, 16), RUNS, guest);
  return figure("RCAR with release", RUNS / seconds, 400, `${RUNS} runs as fast as 16 clients can`);
}

async function pacedRuns(connections: readonly KeepAlive[], guest: Run): Promise<Figure> {
  const times: number[] = [];
  const start = performance.now();
  let next = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (next < PACED_RUNS) {
        const due = start + (next++ * 1000) / PACE;
        await Bun.sleep(Math.max(0, due - performance.now()));
        const began = performance.now();
        await guest(connection);
        times.push(performance.now() - began);
      }
    }),
  );
  times.sort((a, b) => a - b);
  const at = (part: number) => times[Math.floor(times.length * part)]!;
  return {
    name: "RCAR with release, p99",
    value: `${at(0.99).toFixed(1)} ms`,
    target: "< 60 ms",
    met: at(0.99) < 60,
    detail: `${PACED_RUNS} whole runs at ${PACE}/s over ${connections.length} connections, p50 ${at(0.5).toFixed(1)} ms, max ${times.at(-1)!.toFixed(0)} ms`,
  };
}

async function setRate(connections: readonly KeepAlive[], world: World): Promise<Figure> {
  const headers = `authorization: Bearer ${bearer(world.adminKey)}\r\ncontent-type: application/octet-stream\r\n`;
  let count = 0;
  const seconds = await rounds(connections, SETS, async (connection) => {
    const { status, body } = await connection.request("POST", `/kbs/v0/resource/bench/set/n${count++}`, headers, Buffer.alloc(32, count));
    if (status !== 200) throw new Error(`set answered ${status} ${body}`);
  });
  return figure("resource set with fsync", SETS / seconds, 500, `${SETS} sets, ${connections.length} connections`);
}

/** A token as administrators of the openanolis family make them: good for many requests. */
function bearer(keyPath: string): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "EdDSA", typ: "JWT" })}.${part({ iat: now, exp: now + 3600 })}`;
  return `${signed}.${sign(null, Buffer.from(signed), createPrivateKey(readFileSync(keyPath))).toString("base64url")}`;
}

async function sessionMemory(connections: readonly KeepAlive[], guest: Run, world: World): Promise<Figure> {
  const live = 200 + RUNS + PACED_RUNS;
  await rounds(connections, Math.max(0, SESSIONS - live), guest);
  const rss = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${world.trustee.pid}/status`, "utf8"))?.[1]) / 1024;
  return {
    name: `trustee RSS, ${SESSIONS} live sessions`,
    value: `${rss.toFixed(0)} MB`,
    target: "< 250 MB",
    met: rss < 250,
    detail: "VmRSS of the serving process, after all of the above",
  };
}

function figure(name: string, rate: number, target: number, detail: string): Figure {
  return { name, value: `${rate.toFixed(0)}/s`, target: `>= ${target}/s`, met: rate >= target, detail };
}
