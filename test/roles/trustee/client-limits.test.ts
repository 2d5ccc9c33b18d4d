import { describe, expect, test } from "bun:test";
import { ClientLimits } from "../../../src/roles/trustee/client-limits.ts";

const RATES = { auth: 2, attest: 1, resource: 5, "admin-failure": 1 };

function limited() {
  const clock = { ms: 0 };
  const limits = new ClientLimits(RATES, 3, () => clock.ms);
  const ask = (client: string, counted?: Parameters<ClientLimits["enter"]>[1]) => {
    try {
      limits.enter(client, counted)();
      return "done";
    } catch (error) {
      return (error as { id: string }).id;
    }
  };
  const times = (count: number, client: string, counted: "auth" | "attest") =>
    Array.from({ length: count }, () => ask(client, counted)).filter((each) => each === "done").length;
  return { clock, limits, ask, times };
}

describe("one client", () => {
  test("may ask ten seconds' worth at once, then as its rate says", () => {
    const { clock, ask, times } = limited();
    expect(times(100, "192.0.2.1", "auth")).toBe(20);
    expect(ask("192.0.2.1", "auth")).toBe("kbs.busy");
    clock.ms += 1000;
    expect(times(100, "192.0.2.1", "auth")).toBe(2);
    clock.ms += 3_600_000;
    expect(times(100, "192.0.2.1", "auth")).toBe(20);
  });

  test("takes nothing from another, nor from what else it may do", () => {
    const { times } = limited();
    times(100, "192.0.2.1", "auth");
    expect([times(100, "192.0.2.2", "auth"), times(100, "192.0.2.1", "attest")]).toEqual([20, 10]);
  });

  test("is a network of 64 bits where it speaks IPv6", () => {
    const { ask, times } = limited();
    times(100, "2001:db8::1", "auth");
    expect([ask("2001:db8::ffff:1", "auth"), ask("2001:db8:0:1::1", "auth")]).toEqual(["kbs.busy", "done"]);
  });

  test("has so many requests under way at a time", () => {
    const { limits, ask } = limited();
    const leave = Array.from({ length: 3 }, () => limits.enter("192.0.2.1", undefined));
    expect([ask("192.0.2.1"), ask("192.0.2.2")]).toEqual(["kbs.busy", "done"]);
    leave[0]!();
    expect(ask("192.0.2.1")).toBe("done");
  });

  test("is not heard as an administrator after too many refusals, and requests that are not refused cost nothing", () => {
    const { clock, limits, ask } = limited();
    for (let i = 0; i < 100; i++) expect(ask("192.0.2.1", "admin-failure")).toBe("done");
    for (let i = 0; i < 10; i++) limits.failed("192.0.2.1");
    expect(ask("192.0.2.1", "admin-failure")).toBe("kbs.busy");
    clock.ms += 1000;
    expect(ask("192.0.2.1", "admin-failure")).toBe("done");
  });
});

test("no more than ten thousand clients are remembered, and those that come again are not the ones forgotten", () => {
  const { limits, ask, times } = limited();
  times(100, "192.0.2.1", "auth");
  for (let i = 0; i < 30_000; i++) {
    ask(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, "auth");
    if (i % 5000 === 0) expect(ask("192.0.2.1", "auth")).toBe("kbs.busy");
  }
  expect(limits.size).toBe(10_000);
});
