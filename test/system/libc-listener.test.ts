import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { handOverListener, listeningDescriptors } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";

function serve(word: string) {
  const before = listeningDescriptors();
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, reusePort: false, fetch: () => new Response(word) });
  return { server, descriptor: [...listeningDescriptors()].find((each) => !before.has(each))! };
}

/** Asks on a connection that stays. @returns the last line of the answer */
function ask(socket: Socket): Promise<string> {
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  return new Promise((resolve, reject) => {
    socket.once("data", (data) => resolve(data.toString().split("\r\n").at(-1)!));
    socket.once("close", () => reject(new Error("closed")));
  });
}

test("a listening socket goes from one server to another: its port is never free, old connections stay and new ones find the new server", async () => {
  let { server, descriptor } = serve("0");
  const { port } = server;
  const early = connect(port!, "127.0.0.1");
  expect(await ask(early)).toBe("0");
  const old = [];
  for (let i = 1; i <= 20; i++) {
    // Those that connect at that very moment are answered by whichever comes to it.
    const between = Array.from({ length: 10 }, () =>
      fetch(`http://127.0.0.1:${port}/`, { keepalive: false }).then((answer) => answer.text()),
    );
    const next = serve(String(i));
    handOverListener(descriptor, next.descriptor);
    old.push(server);
    ({ server, descriptor } = next);
    for (const answer of await Promise.all(between)) expect([String(i - 1), String(i)]).toContain(answer);
    expect(await (await fetch(`http://127.0.0.1:${port}/`, { keepalive: false })).text()).toBe(String(i));
    expect(() => Bun.serve({ hostname: "127.0.0.1", port: port!, reusePort: true, fetch: () => new Response() })).toThrow();
  }
  expect(await ask(early)).toBe("0");
  early.destroy();
  await Promise.all(old.map((each) => each.stop(true)));
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("20");
  await server.stop(true);
  expect(await fetch(`http://127.0.0.1:${port}/`).catch(() => "gone")).toBe("gone");
});

test("what the runtime does not wait for cannot be given", () => {
  const { server, descriptor } = serve("0");
  expect(rejection(() => handOverListener(descriptor, 1_000_000)).id).toBe("internal.not-supported-here");
  void server.stop(true);
});
