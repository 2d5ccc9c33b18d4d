import { decodeBase64Url } from "../../../crypto/index.ts";
import { parseJsonText } from "../../../protocol/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../../system/index.ts";
import { cut, memberRows, type Section } from "../report.ts";
import { type Artefact, type ArtefactKind, dateText, type Explanation, membersOf } from "./artefact.ts";

/** Claims that are times, in seconds since 1970. */
const TIMES = ["iat", "nbf", "exp"];
const MAX_VALUE = 200;
/** Tokens with an event log in their evidence are long. */
const MAX_PART = 8 * 1024 * 1024;

/** A JSON Web Token: attestation results (EAR) and every other. */
export const token: ArtefactKind = {
  name: "token (JWT, EAR), also in the answer that carries it",
  explain({ text, json }: Artefact): Explanation | undefined {
    const inner = membersOf(json)?.["token"];
    const compact = typeof inner === "string" ? inner : text;
    const parts = compact === undefined ? null : /^(eyJ[\w-]+)\.([\w-]+)\.([\w-]*)$/.exec(compact);
    if (parts === null) return undefined;
    const [header, claims] = [objectPart(parts[1]!, "header"), objectPart(parts[2]!, "claims")];
    const isEar = typeof claims["eat_profile"] === "string" && membersOf(claims["submods"]) !== undefined;
    return {
      kind: isEar ? "attestation token (EAR)" : "JSON Web Token",
      json: { header, claims, signature: parts[3]! },
      sections: [
        { title: "Header", rows: shortRows(memberRows(header)) },
        { title: "Token", rows: shortRows(tokenRows(claims)) },
        ...(isEar ? submoduleSections(claims["submods"] as JsonObject) : [{ title: "Claims", rows: shortRows(memberRows(claims)) }]),
      ],
    };
  },
};

function objectPart(part: string, name: string): JsonObject {
  let value: unknown;
  try {
    value = parseJsonText(decodeBase64Url(part), "token", MAX_PART);
  } catch {
    value = undefined;
  }
  const members = membersOf(value);
  if (members === undefined) {
    throw new CaiError("owner.artefact-malformed", `${name} of a token: expected base64url of a JSON object, got another text`);
  }
  return members as JsonObject;
}

function tokenRows(claims: JsonObject): string[][] {
  const times = TIMES.filter((name) => typeof claims[name] === "number").map((name) => [name, dateText(claims[name] as number)]);
  const { submods: _, ...rest } = claims as JsonObject & { submods?: JsonValue };
  return [...times, ...memberRows(rest).filter(([name]) => !TIMES.includes(name!))];
}

function submoduleSections(submods: JsonObject): Section[] {
  return Object.entries(submods).flatMap(([name, value]): Section[] => {
    const members = membersOf(value) as JsonObject | undefined;
    if (members === undefined) return [];
    const { "ear.veraison.annotated-evidence": evidence, ...result } = members;
    return [
      { title: `Result of ${name}`, rows: shortRows(memberRows(result)) },
      { title: `Evidence of ${name}`, rows: shortRows(membersOf(evidence) === undefined ? [] : memberRows(evidence as JsonObject)) },
    ];
  });
}

/** One line for a value: what is longer is in the JSON. */
const shortRows = (rows: readonly (readonly string[])[]): string[][] => rows.map((row) => row.map((cell) => cut(cell, MAX_VALUE)));
