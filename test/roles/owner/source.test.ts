import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSource } from "../../../src/roles/owner/source.ts";
import { asyncRejection } from "../../rejection.ts";

const folder = mkdtempSync(join(tmpdir(), "cai-source-"));
const secret = join(folder, "secret");
writeFileSync(secret, "secret");
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch({ url }) {
    switch (new URL(url).pathname) {
      case "/quote":
        return new Response("quote");
      case "/to-file":
        return new Response("elsewhere", { status: 302, headers: { location: `file://${secret}` } });
      case "/to-metadata":
        return new Response("elsewhere", { status: 307, headers: { location: "http://169.254.169.254/latest/user-data" } });
      case "/endless":
        return new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(1000)) }));
      case "/zipped":
        return new Response(Bun.gzipSync(new Uint8Array(1_000_000)), { headers: { "content-encoding": "gzip" } });
      default:
        return new Response("quote", { status: 404 });
    }
  },
});
afterAll(() => {
  server.stop(true);
  rmSync(folder, { recursive: true });
});
const read = (source: string) => readSource(source, 10_000, new AbortController().signal);
const served = (path: string) => read(`http://127.0.0.1:${server.port}${path}`);

test("a source is a file or what a web server has, as it stands there", async () => {
  expect(new TextDecoder().decode(await read(secret))).toBe("secret");
  expect(new TextDecoder().decode(await served("/quote"))).toBe("quote");
  // Nothing is unpacked, so that no small answer becomes a large one.
  expect((await served("/zipped")).subarray(0, 2)).toEqual(Uint8Array.of(0x1f, 0x8b));
});

test("an answer that leads elsewhere, says that there is nothing, or has no end, is no source", async () => {
  for (const [path, got] of [
    ["/to-file", "302"],
    ["/to-metadata", "307"],
    ["/none?token=hidden", "404"],
  ] as const) {
    const error = await asyncRejection(served(path));
    expect([error.id, error.got, error.message.includes("hidden")]).toEqual(["cli.input-unreadable", got, false]);
  }
  expect((await asyncRejection(served("/endless"))).id).toBe("net.response-too-large");
});

test("other schemes of addresses are names of files", async () => {
  for (const source of [`file://${secret}`, "ftp://127.0.0.1/quote", "data:,quote"])
    expect((await asyncRejection(read(source))).id).toBe("cli.input-unreadable");
  expect((await asyncRejection(read("http://[bad"))).id).toBe("cli.usage");
});
