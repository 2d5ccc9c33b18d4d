import { expect, test } from "bun:test";
import { drain, listen } from "../../../src/roles/trustee/server.ts";

test("a server that ends gives up what does not, and answers it", async () => {
  const givenUp = Promise.withResolvers<Response>();
  const arrived = Promise.withResolvers<void>();
  const fetched = () => {
    arrived.resolve();
    return givenUp.promise;
  };
  const server = listen({ host: "127.0.0.1", port: 0 }, { fetch: fetched });
  const answer = fetch(server.url);
  await arrived.promise;
  await drain([server], () => givenUp.resolve(new Response("given up")), 0);
  expect(await (await answer).text()).toBe("given up");
});
