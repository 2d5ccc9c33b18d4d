import { expect, test } from "bun:test";
import { listen } from "../../../src/roles/trustee/server.ts";

test("a server that ends gives up what does not, and answers it", async () => {
  const givenUp = Promise.withResolvers<Response>();
  const arrived = Promise.withResolvers<void>();
  const fetched = () => {
    arrived.resolve();
    return givenUp.promise;
  };
  const server = listen({ host: "127.0.0.1", port: 0, tls: undefined }, { fetch: fetched }, 0);
  const answer = fetch(server.url);
  await arrived.promise;
  await server.drain(() => givenUp.resolve(new Response("given up")));
  expect(await (await answer).text()).toBe("given up");
});
