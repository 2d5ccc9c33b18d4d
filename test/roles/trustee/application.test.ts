import { expect, test } from "bun:test";
import { type ApplicationParts, createApplication } from "../../../src/roles/trustee/application.ts";
import { TrustedProxies } from "../../../src/roles/trustee/client-address.ts";
import { ClientLimits } from "../../../src/roles/trustee/client-limits.ts";
import { Metrics } from "../../../src/roles/trustee/metrics.ts";
import type { Route } from "../../../src/roles/trustee/route.ts";
import { createLogger } from "../../../src/system/index.ts";

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
