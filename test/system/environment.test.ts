import { expect, test } from "bun:test";
import { type CaiError, refuseUnsafeEnvironment } from "../../src/system/index.ts";

for (const name of [
  "BUN_OPTIONS",
  "BUN_INSPECT",
  "BUN_INSPECT_NOTIFY",
  "BUN_JSC_logGC",
  "BUN_CONFIG_TOKEN",
  "NODE_TLS_REJECT_UNAUTHORIZED",
]) {
  test(`${name} is refused by its name, and its value is not shown`, () => {
    try {
      refuseUnsafeEnvironment({ PATH: "/bin", [name]: "the value" });
      expect.unreachable();
    } catch (error) {
      expect((error as CaiError).id).toBe("cli.unsafe-environment");
      expect(JSON.stringify(error)).toContain(name);
      expect(JSON.stringify(error)).not.toContain("the value");
    }
  });
}

test("an ordinary environment is taken", () => {
  expect(() => refuseUnsafeEnvironment({ PATH: "/bin", HOME: "/root", CAI_TRUSTEE: "http://x", NODE_EXTRA_CA_CERTS: "x" })).not.toThrow();
});
