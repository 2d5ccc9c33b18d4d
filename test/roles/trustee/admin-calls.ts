import { generateKeyPairSync } from "node:crypto";
import { b64url, platform, START } from "./kbs-world.ts";

const OTHER_KEY = generateKeyPairSync("ed25519").publicKey.export({ format: "pem", type: "spki" });

/** @returns an RVPS message with these values */
export const message = (values: object) =>
  JSON.stringify({ version: "0.1.0", type: "sample", payload: Buffer.from(JSON.stringify(values)).toString("base64") });
export const DENY = "package policy\nimport rego.v1\ndefault allow := false\n";

/** Every call that wants an administrator, in a form that would succeed. */
export const CALLS: [method: string, path: string, body: string][] = [
  ["POST", "resource/a/b/c", "secret"],
  ["POST", "cai/resources", JSON.stringify({ resources: [{ path: "a/b/d", value: b64url("v") }], replace: true })],
  ["GET", "resources", ""],
  ["DELETE", "resource/a/b/c", ""],
  ["POST", "resource-policy", JSON.stringify({ policy: b64url(DENY) })],
  ["GET", "resource-policy", ""],
  ["GET", "cai/resource-policy", ""],
  ["GET", "resource/pubkey", ""],
  ["POST", "resource/reload", ""],
  ["POST", "resource/rewrap", ""],
  ["POST", "resource/rotate", ""],
  ["POST", "attestation-policy", JSON.stringify({ type: "rego", policy_id: "other", policy: b64url("package policy\nhardware := 2\n") })],
  ["GET", "attestation-policy/other", ""],
  ["GET", "attestation-policies", ""],
  ["DELETE", "attestation-policy/other", ""],
  ["POST", "rvps/register", JSON.stringify({ message: message({ name: ["a"] }) })],
  ["GET", "rvps/query", ""],
  ["DELETE", "rvps/delete/name", ""],
  ["POST", "reference-value", message({ name: ["a"] })],
  ["GET", "reference-value/name", ""],
  ["POST", "cai/references", JSON.stringify({ references: [{ name: "own", value: ["a"], expiration: "2040-01-01T00:00:00Z" }] })],
  ["GET", "cai/references", ""],
  ["DELETE", "cai/references/own", ""],
  ["GET", "cai/resources", ""],
  ["POST", "cai/realms", JSON.stringify({ realm: "other" })],
  ["GET", "cai/realms", ""],
  ["DELETE", "cai/realms/other", ""],
  ["POST", "cai/denials", JSON.stringify({ kind: "ppid", value: "00" })],
  ["GET", "cai/denials", ""],
  ["DELETE", "cai/denials/ppid/00", ""],
  ["POST", "cai/roles", JSON.stringify({ name: "other", role: { rights: ["resource.read"] } })],
  ["GET", "cai/roles", ""],
  ["DELETE", "cai/roles/other", ""],
  ["POST", "cai/administrators", JSON.stringify({ name: "other", administrator: { kind: "key", public_key: OTHER_KEY } })],
  ["GET", "cai/administrators", ""],
  ["DELETE", "cai/administrators/other", ""],
  ["POST", "cai/collateral", platform.bundle()],
  ["GET", "cai/collateral", ""],
  ["GET", "cai/collateral/export", ""],
  ["GET", "cai/signers", ""],
  ["POST", "cai/signers", JSON.stringify({ from: START + 86_400 })],
];

/** Calls that are never done, whoever asks, but that only an administrator is told so. */
export const REFUSED: typeof CALLS = [["POST", "rvps/set_reference_value_list", '{"rv_list":[]}']];
