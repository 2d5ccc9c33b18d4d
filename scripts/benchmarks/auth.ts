import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { removeScratch, scratch, start } from "../../test/e2e/cai.ts";
import type { Figure } from "./measure.ts";

const REQUESTS = 60_000;
const CONNECTIONS = 32;
const BODY = JSON.stringify({ version: "0.4.0", tee: "tdx", "extra-params": { cai: { v: 1 } } });

/** Handshakes against one trustee over keep-alive connections, client and trustee on the same cores; then the memory of so many half-open sessions. */
export async function benchAuth(): Promise<Figure[]> {
  const folder = scratch();
  const trustee = await start([
    "trustee",
    "serve",
    "--data",
    `${folder}/trustee`,
    "--listen",
    "127.0.0.1:0",
    "--collateral-source",
    "none",
  ]);
  try {
    const { hostname, port } = new URL(String(trustee.ready["url"]));
    let left = REQUESTS;
    const take = () => left-- > 0;
    const begin = performance.now();
    await Promise.all(Array.from({ length: CONNECTIONS }, () => handshakes(hostname, Number(port), take)));
    const rate = REQUESTS / ((performance.now() - begin) / 1000);
    const rss = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${trustee.pid}/status`, "utf8"))?.[1]) / 1024;
    return [
      {
        name: "auth",
        value: `${rate.toFixed(0)}/s`,
        target: ">= 8000/s",
        met: rate >= 8000,
        detail: `${REQUESTS} signed challenges, ${CONNECTIONS} keep-alive connections, client on the same cores`,
      },
      {
        name: `trustee RSS after ${REQUESTS} auths`,
        value: `${rss.toFixed(0)} MB`,
        target: "< 250 MB",
        met: rss < 250,
        detail: "VmRSS of the serving process; every session is half open",
      },
    ];
  } finally {
    await trustee.kill("SIGTERM");
    removeScratch(folder);
  }
}

/** Sends one request after another on one connection, without a client's own work in the way. */
function handshakes(host: string, port: number, take: () => boolean): Promise<void> {
  const request = `POST /kbs/v0/auth HTTP/1.1\r\nhost: trustee\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
  return new Promise((resolve, reject) => {
    let answer = "";
    const next = () => (take() ? socket.write(request) : socket.end());
    const socket = connect(port, host, next);
    socket.on("data", (part) => {
      answer += part.toString("latin1");
      const head = answer.indexOf("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(answer)?.[1]);
      if (head === -1 || answer.length < head + 4 + length) return;
      if (!answer.startsWith("HTTP/1.1 200")) reject(new Error(answer.slice(0, 200)));
      answer = "";
      next();
    });
    socket.on("error", reject).on("close", () => resolve());
  });
}
