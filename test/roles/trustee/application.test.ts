import { describe, expect, test } from "bun:test";
import { type ApplicationParts, createApplication } from "../../../src/roles/trustee/application.ts";
import { TrustedProxies } from "../../../src/roles/trustee/client-address.ts";
import { ClientLimits } from "../../../src/roles/trustee/client-limits.ts";
import { Metrics } from "../../../src/roles/trustee/metrics.ts";
import { Recorder } from "../../../src/roles/trustee/recorder.ts";
import { Role } from "../../../src/roles/trustee/role.ts";
import type { Route } from "../../../src/roles/trustee/route.ts";
import type { Decision, Store } from "../../../src/roles/trustee/store/index.ts";
import { CaiError, createLogger } from "../../../src/system/index.ts";

const ECHO: Route = {
  method: "POST",
  path: "/echo",
  about: { summary: "Echoes" },
  right: "public",
  bodyLimit: 100,
  place: "attest",
  signed: false,
  handle: async ({ body }) => ({ body: new TextDecoder().decode(body) }),
};
const CLIENT = { client: "192.0.2.1", local: false, private: false };
const post = (body: string | ReadableStream) => new Request("http://localhost/echo", { method: "POST", body });
const endless = () => post(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) }));

test("bodies that never end keep out nobody: for one more request the oldest of them is given up (I40)", async () => {
  // What is answered without a signature and without an administrator needs no more of the parts.
  const limits = new ClientLimits({ auth: 1e6, attest: 1e6, resource: 1e6, "admin-failure": 1e6 }, 1e6);
  const parts = {
    logger: createLogger("silent"),
    clock: () => 0,
    proxies: new TrustedProxies([]),
    limits,
    metrics: new Metrics([]),
  } as unknown as ApplicationParts;
  const application = createApplication(parts, [ECHO]);
  const slow = Array.from({ length: 1024 }, () => Promise.resolve(application.fetch(endless(), CLIENT)));
  for (const [i, text] of ["one", "two"].entries()) {
    const honest = await application.fetch(post(text), CLIENT);
    expect([honest.status, await honest.text()]).toEqual([200, text]);
    const oldest = await slow[i]!;
    expect([oldest.status, ((await oldest.json()) as { id: string }).id]).toEqual([408, "kbs.request-timeout"]);
    slow.push(Promise.resolve(application.fetch(endless(), CLIENT)));
  }
  expect(await Promise.race([...slow.slice(2), Promise.resolve("all waiting")])).toBe("all waiting");
});

describe("an administrator's write that fails half-way (I23)", () => {
  const half: Route = {
    ...ECHO,
    path: "/half",
    right: "key.write",
    place: "admin",
    async handle() {
      throw new CaiError("store.unavailable", "the database went away");
    },
  };
  const world = (isAway: boolean) => {
    const records: Decision[] = [];
    const log: string[] = [];
    const logger = createLogger("info", true, (line) => log.push(line));
    const store = {
      decisions: {
        async append(decision: Decision) {
          if (isAway) throw new CaiError("store.unavailable", "the database is away");
          records.push(decision);
          return { number: records.length, id: `id${records.length}` };
        },
      },
    } as unknown as Store;
    const parts = {
      logger,
      clock: () => 0,
      proxies: new TrustedProxies([]),
      limits: new ClientLimits({ auth: 1e6, attest: 1e6, resource: 1e6, "admin-failure": 1e6 }, 1e6),
      metrics: new Metrics([]),
      recorder: new Recorder(store, logger),
      administrators: { require: async () => ({ name: "me", role: new Role("every", { rights: "all" }) }) },
      family: "openanolis",
    } as unknown as ApplicationParts;
    const application = createApplication(parts, [half]);
    const send = () => application.fetch(new Request("http://localhost/half", { method: "POST", body: "x" }), CLIENT);
    return { records, log, send, recorder: parts.recorder };
  };

  test("is recorded with who asked for it, also in a flood of strangers' denials", async () => {
    const { records, send, recorder } = world(false);
    const stranger = new CaiError("admin.unauthenticated", "no token");
    for (let i = 0; i < 500; i++) await recorder.deny(stranger, { time: 0, kind: "admin", client: CLIENT.client });
    expect((await send()).status).toBe(503);
    expect(records.at(-1)).toMatchObject({
      kind: "admin",
      outcome: "denied",
      error: "store.unavailable",
      subject: "POST /half",
      detail: { administrator: { name: "me", role: "every" } },
    });
  });

  test("is in the log where it cannot be recorded", async () => {
    const { log, send } = world(true);
    expect((await send()).status).toBe(503);
    expect(log.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ message: "a change that failed has no record", subject: "POST /half", administrator: "me" }),
    );
  });
});
