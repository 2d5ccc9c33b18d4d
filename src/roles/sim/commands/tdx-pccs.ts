import { CaiError, defineVerb } from "../../../system/index.ts";
import { loadSimulatedTd, platformOf, type SimulatedTd, simulatedPccs } from "../../../tee/tdx/index.ts";
import { MACHINE_FLAG } from "./tdx-flags.ts";

/** How long collateral is served before it is issued anew, seconds: its own validity is 30 days. */
const ISSUE_EVERY = 3600;

export default defineVerb({
  path: "sim tdx pccs",
  description:
    "Serves the collateral of a simulated TDX machine over HTTP as a PCCS does, so that a trustee of simulated platforms fetches it.\nIt serves this machine alone and listens on loopback only; SIGTERM ends it.",
  positionals: [],
  flags: {
    machine: MACHINE_FLAG,
    listen: { kind: "text", value: "127.0.0.1:PORT", default: "127.0.0.1:8081", about: "where to listen; port 0 takes a free one" },
  },
  examples: [
    { about: "for a trustee", line: "cai sim tdx pccs --machine sim/machine.json" },
    { about: "the trustee, once", line: "cai trustee init --simulated --data ./try-trustee" },
    {
      about: "which fetches from it",
      line: "cai trustee serve --data ./try-trustee --trust-anchor sim/anchor.pem --collateral-source http://127.0.0.1:8081",
    },
  ],
  async run({ flags, print, signal }) {
    const td = loadSimulatedTd(flags.machine);
    const platform = issuing(td);
    const handle = simulatedPccs((tee) => platform()[tee], {
      pckChain: platformOf(td).pckChain(),
      evaluationNumbers: () => platform().numbers,
    });
    const server = listen(parsePort(flags.listen), handle);
    const url = `http://127.0.0.1:${server.port}`;
    print({ url, simulated: true, pid: process.pid }, `simulated PCCS ready at ${url}`);
    await new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })));
    await server.stop(true);
  },
});

/** What is served as it stands, issued anew when it is an hour old. */
function issuing(td: SimulatedTd) {
  const issue = (now: number) => {
    const platform = platformOf(td, now);
    return { issued: now, tdx: platform.collateral("tdx"), sgx: platform.collateral("sgx"), numbers: platform.evaluationNumbers() };
  };
  let served = issue(seconds());
  return () => {
    if (seconds() - served.issued >= ISSUE_EVERY) served = issue(seconds());
    return served;
  };
}

const seconds = (): number => Math.floor(Date.now() / 1000);

function listen(port: number, handle: (request: Request) => Response) {
  try {
    return Bun.serve({ hostname: "127.0.0.1", port, development: false, reusePort: false, fetch: handle });
  } catch (cause) {
    throw new CaiError("net.listen-failed", `cannot listen on 127.0.0.1:${port}: ${(cause as Error).message}`, { cause });
  }
}

/** What it serves is no secret, but nobody else has any use for it either. */
function parsePort(text: string): number {
  const [, port] = /^127\.0\.0\.1:(\d{1,5})$/.exec(text) ?? [];
  if (port !== undefined && Number(port) <= 65_535) return Number(port);
  throw new CaiError("cli.setting-invalid", `--listen cannot be ${JSON.stringify(text)}`, { expected: "127.0.0.1:PORT", got: text });
}
