import { describe, expect, test } from "bun:test";
import { explainArtefact } from "../../../../src/roles/owner/inspect/registry.ts";
import { formatSections } from "../../../../src/roles/owner/report.ts";
import { errorId } from "../../../tee/tdx/testing.ts";

const text = (value: string) => explainArtefact(new TextEncoder().encode(value));
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (claims: unknown, header: unknown = { alg: "ES256", typ: "JWT" }) => `${part(header)}.${part(claims)}.c2ln`;
const ear = {
  eat_profile: "tag:github.com,2024:confidential-containers/Trustee",
  iat: 1_768_003_200,
  exp: 1_768_003_500,
  submods: {
    cpu0: {
      "ear.status": "affirming",
      "ear.trustworthiness-vector": { hardware: 2 },
      "ear.veraison.annotated-evidence": { report_data: "aa", tdx: { tcb_status: "UpToDate", uefi_event_logs: [{ index: 1 }] } },
    },
  },
};

describe("a token", () => {
  test("of attestation is explained by its submodules and evidence", () => {
    const { kind, json, sections } = text(jwt(ear));
    expect(kind).toBe("attestation token (EAR)");
    expect(json).toMatchObject({ header: { alg: "ES256" }, claims: ear, signature: "c2ln" });
    const shown = formatSections(sections);
    for (const line of [/exp +2026-01-10T00:05:00Z/, /ear\.status +affirming/, /hardware +2/, /tdx\.tcb_status +UpToDate/])
      expect(shown).toMatch(line);
  });

  test("of any other kind is explained by its claims, also in the answer that carries it", () => {
    const token = jwt({ sub: "x", exp: 1e300, nested: { a: [1, 2] } });
    expect(text(token).kind).toBe("JSON Web Token");
    expect(text(JSON.stringify({ token })).json).toEqual(text(token).json);
    expect(formatSections(text(token).sections)).toMatch(/nested\.a +1, 2/);
  });

  test("whose parts are no JSON objects is refused", () => {
    for (const bad of [
      `eyJx.${part({})}.x`,
      `${part({ alg: "x" })}.e30x.x`,
      jwt(7),
      jwt([]),
      jwt(JSON.parse("[".repeat(99) + "]".repeat(99))),
    ]) {
      expect(errorId(() => text(bad))).toBe("owner.artefact-malformed");
    }
  });

  test("is shown in short lines, however long its names and values are", () => {
    const long = "n".repeat(100_000);
    const nested = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}`, 1]));
    const shown = formatSections(text(jwt({ ...ear, [long]: nested, list: Array<string>(1000).fill(long.slice(0, 100)) })).sections);
    for (const line of shown.split("\n")) expect(line.length).toBeLessThan(500);
  });

  test("cannot write to the terminal but as text", () => {
    const evil = "\u001b[2J\u202e\u009b31m";
    const shown = formatSections(text(jwt({ ...ear, iss: evil, [evil]: evil, submods: { [evil]: { "ear.status": evil } } })).sections);
    expect(shown).not.toMatch(/(?!\n)\p{Cc}|\u202e/u);
  });
});
