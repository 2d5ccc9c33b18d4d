import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A resource policy that asks for a grade, as an operator of the old trustee would write it. */
export const GRADED = `package policy
import rego.v1
default allow := false
allow if {
	startswith(data["resource-path"], "resource/")
	input.submods.cpu0["ear.trustworthiness-vector"].executables <= 32
	input.submods.cpu0["ear.trustworthiness-vector"].executables > 1
}
`;
/** An attestation policy that compares one measurement. */
export const MEASURED = `package policy
import rego.v1
default executables := 33
executables := 3 if {
	input.tdx.quote.body.mr_td in query_reference_value("tdx.mr_td")
}
`;
export const ALLOW_ALL = "package policy\nimport rego.v1\nallow := true\n";

/** The secrets of the tree, by their paths. */
export const SECRETS = {
  "default/key/one": "the first secret",
  "default/key/two": "the second secret",
  "team/token/a.b": "\u0000\u0001binary",
};

export function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const value = (name: string, rest: Record<string, unknown>, expiration = "2099-01-01T00:00:00Z") => ({
  version: "0.1.0",
  name,
  expiration,
  ...rest,
});

/** The files of an openanolis trustee as its package lays them out (trustee.md §9.2, §9.3, §9.7), below a folder that stands for `/`. */
export function openanolis(root: string, { broken = true } = {}): { config: string; asConfig: string; adminKey: string } {
  const adminKey = generateKeyPairSync("ed25519").publicKey.export({ format: "pem", type: "spki" }) as string;
  write(root, {
    "etc/trustee/kbs-config.toml": `
[http_server]
sockets = ["0.0.0.0:8080"]
insecure_http = true

[attestation_token]
insecure_key = true

[attestation_service]
type = "coco_as_grpc"
as_addr = "http://127.0.0.1:50004"

[admin]
auth_public_key = "/etc/trustee/public.pub"

[policy_engine]
policy_path = "/opt/trustee/kbs/policy.rego"

[[plugins]]
name = "resource"
type = "LocalFs"
dir_path = "/opt/trustee/kbs/repository"

[[plugins]]
name = "tpm-pca"
`,
    "etc/trustee/as-config.json": JSON.stringify({
      work_dir: "/opt/trustee/attestation-service",
      rvps_config: { type: "BuiltIn", storage: { type: "LocalJson", file_path: "/opt/trustee/reference_values" } },
      attestation_token_broker: {
        type: "Ear",
        duration_min: 5,
        policy_dir: "/opt/trustee/attestation-service/policies",
        signer: { key_path: "/etc/trustee/token.key", cert_path: "/etc/trustee/token.crt" },
      },
    }),
    "etc/trustee/public.pub": adminKey,
    "opt/trustee/kbs/policy.rego": GRADED,
    "opt/trustee/attestation-service/policies/opa/default.rego": MEASURED,
    "opt/trustee/attestation-service/policies/opa/open.rego": "package policy\nexecutables := 2\nhardware := 2\n",
    "opt/trustee/reference_values": JSON.stringify([
      value("tdx.mr_td", {
        "hash-value": [
          { alg: "sha384", value: "aa" },
          { alg: "sha384", value: "bb" },
        ],
      }),
      value("min_svn", { value: 7 }),
      value("old", { "hash-value": [] }, "2001-01-01T00:00:00Z"),
      ...(broken ? [{ version: "0.1.0", name: "broken", expiration: "never" }] : []),
    ]),
    ...Object.fromEntries(Object.entries(SECRETS).map(([path, text]) => [`opt/trustee/kbs/repository/${path}`, text])),
  });
  return { config: join(root, "etc/trustee/kbs-config.toml"), asConfig: join(root, "etc/trustee/as-config.json"), adminKey };
}

/** A LocalFs storage of the other family (trustee.md §3.2, §4.6, §7.2). */
export function cocoStorage(folder: string): void {
  write(folder, {
    "repository/default\\x2Fkey\\x2Fone": SECRETS["default/key/one"],
    "repository/team\\x2Ftoken\\x2Fa.b": SECRETS["team/token/a.b"],
    "repository/..\\x2F..\\x2Fetc": "x",
    "kbs/resource-policy.rego": GRADED,
    "attestation_service_policy/default_cpu.rego": MEASURED,
    "reference_value/mr_td": JSON.stringify(value("mr_td", { value: ["aa"] })),
  });
}

const b64 = (text: string) => Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_");

/** The same as LocalJson: a file a namespace. */
export function cocoJsonStorage(folder: string): void {
  write(folder, {
    "repository.json": JSON.stringify({ "default/key/one": b64(SECRETS["default/key/one"]), "default/key/bad": 7 }),
    "kbs.json": JSON.stringify({ "resource-policy.rego": b64(GRADED) }),
    "reference_value.json": JSON.stringify({ mr_td: b64(JSON.stringify(value("mr_td", { value: ["aa"] }))) }),
  });
}
