import { describe, expect, test } from "bun:test";
import { parseStorePlace, redactStore } from "../../../../src/roles/trustee/store/place.ts";
import type { CaiError } from "../../../../src/system/index.ts";

describe("the setting store", () => {
  test("is a file of the data directory, unless another place is named", () => {
    expect(parseStorePlace(undefined, "/data")).toMatchObject({ kind: "sqlite", path: "/data/trustee.db" });
    expect(parseStorePlace("sqlite:other.db", "/data")).toMatchObject({ kind: "sqlite", path: "other.db" });
    expect(parseStorePlace("sqlite:///srv/x.db", "/data")).toMatchObject({ kind: "sqlite", path: "/srv/x.db" });
  });

  test("asks other hosts for TLS and their name, and only them, unless the address says otherwise", () => {
    const tls = (text: string) => (parseStorePlace(text, "/data") as { tls: boolean }).tls;
    expect(tls("postgres://u@127.0.0.1/d")).toBe(false);
    expect(tls("postgres://u@[::1]:5433/d")).toBe(false);
    expect(tls("postgres://u@localhost/d?path=/run/x")).toBe(false);
    expect(tls("postgresql://u@db.example/d")).toBe(true);
    expect(tls("postgres://u@db.example/d?sslmode=disable")).toBe(false);
    expect(tls("postgres://u@localhost/d?sslmode=verify-full&sslrootcert=/ca.pem")).toBe(true);
    expect(parseStorePlace("postgres://u@db/d?sslrootcert=/ca.pem", "/data")).toMatchObject({ tlsCa: "/ca.pem", url: "postgres://u@db/d" });
  });

  test("never shows the password, neither when it is printed nor when it cannot be read", () => {
    const password = "s3cret%40pw";
    expect(parseStorePlace(`postgres://u:${password}@db.example/d`, "/data").shown).toBe("postgres://u:***@db.example/d");
    expect(redactStore(`postgres://u:${password}@db.example/d`)).toBe("postgres://u:***@db.example/d");
    expect(redactStore(`postgres://u@db.example/d?password=${password}&sslmode=disable`)).toBe(
      "postgres://u@db.example/d?password=***&sslmode=disable",
    );
    expect(redactStore("sqlite:/a:b@c")).toBe("sqlite:/a:b@c");
    for (const text of [
      `postgres://u:${password}@db.example`,
      `postgres://u:${password}@db.example/d?sslmode=require`,
      `postgres://u:${password}@db.example/d?options=x`,
      `postgres://u:${password}@ bad host/d`,
      `mysql://u:${password}@db.example/d`,
      "sqlite:",
    ]) {
      let thrown: unknown;
      try {
        parseStorePlace(text, "/data");
      } catch (error) {
        thrown = error;
      }
      expect((thrown as CaiError).id).toBe("cli.setting-invalid");
      expect(JSON.stringify([(thrown as CaiError).message, (thrown as CaiError).got])).not.toContain("s3cret");
    }
  });
});
