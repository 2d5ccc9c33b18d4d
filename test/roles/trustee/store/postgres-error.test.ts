import { expect, test } from "bun:test";
import { meaningOf } from "../../../../src/roles/trustee/store/postgres-error.ts";

const shown = (errno: string, code = "ERR_POSTGRES_SERVER_ERROR") => {
  const { id, message, hint } = meaningOf(Object.assign(new Error("password of cai is hunter2"), { errno, code }));
  return { id, text: `${message} / ${hint}` };
};

test("a database that refuses says what of the setting is to be corrected, and shows nothing of the server's own words", () => {
  for (const [errno, words] of [
    ["28P01", ["user or the password", "setting `store`"]],
    ["3D000", ["no such database", "CREATE DATABASE"]],
    ["42501", ["no right", "owner of the database"]],
  ] as const) {
    const { id, text } = shown(errno);
    expect(id).toBe("store.unreadable");
    for (const word of words) expect(text).toContain(word);
    expect(text).toContain(`(${errno})`);
    expect(text).not.toContain("hunter2");
  }
  const tls = meaningOf(Object.assign(new Error("x"), { code: "ERR_POSTGRES_TLS_NOT_AVAILABLE" }));
  expect([tls.id, tls.hint]).toEqual(["store.unreadable", expect.stringContaining("sslrootcert=FILE")]);
  const other = meaningOf(Object.assign(new Error("x"), { code: "ERR_POSTGRES_UNEXPECTED_MESSAGE" }));
  expect([other.id, other.hint]).toEqual(["store.unreadable", expect.stringContaining("PostgreSQL server")]);
});
