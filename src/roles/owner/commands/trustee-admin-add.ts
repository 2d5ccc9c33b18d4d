import { generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { CaiError, defineVerb, readTextFile, writeWholeFile } from "../../../system/index.ts";
import { putRow } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee admin add",
  description:
    "Adds an administrator: a key, with every right or with roles; or an identity provider whose tokens give one of the roles.\nOne of the same name is replaced.",
  positionals: [{ name: "NAME", about: "how records call it" }],
  flags: {
    "new-key": {
      kind: "text",
      value: "FILE",
      about: "make a key and write its private half there, readable by you only",
      commandLineOnly: true,
    },
    "public-key": { kind: "text", value: "FILE", about: "a public key (PEM: Ed25519, EC or RSA)", commandLineOnly: true },
    "jwk-set": { kind: "text", value: "FILE", about: "the public keys of an identity provider (JWK set)", commandLineOnly: true },
    "jwk-set-uri": {
      kind: "text",
      value: "URL",
      about: "where the trustee fetches them: https, a JWK set or a provider with a discovery document",
      commandLineOnly: true,
    },
    "provider-ca": { kind: "text", value: "FILE", about: "the only certificate authorities (PEM) of that address", commandLineOnly: true },
    provider: { kind: "switch", about: "the public key is an identity provider's: its tokens must name a role", commandLineOnly: true },
    issuer: { kind: "text", value: "ISS", about: "what a provider's tokens must say in `iss`", commandLineOnly: true },
    audience: {
      kind: "text",
      value: "AUD",
      about: "what a provider's tokens must name in `aud`; default: this trustee, where they name any",
      commandLineOnly: true,
    },
    role: {
      kind: "list",
      value: "ROLE",
      about: "a role that its tokens may have; a key without roles has every right",
      commandLineOnly: true,
    },
    ...ADMIN_FLAGS,
  },
  examples: [
    {
      about: "a key for one team's administrator",
      line: "cai trustee admin add alice --new-key alice.key --role team-a-admin --admin-key cai-trustee/admin.key",
    },
    {
      about: "everybody whom the company's login gives the role",
      line: "cai trustee admin add login --jwk-set-uri https://idp.example/realms/x --audience kbs --role team-a-admin --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ positionals: [name], flags, print, signal }) {
    const { "new-key": newKey, "public-key": publicKey, "jwk-set": set, "jwk-set-uri": uri, "provider-ca": ca } = flags;
    const sources = [newKey, publicKey, set, uri].filter((each) => each !== undefined);
    const isProvider = flags.provider || set !== undefined || uri !== undefined;
    if (sources.length !== 1 || (isProvider && newKey !== undefined)) {
      throw usage("give one of --new-key, --public-key, --jwk-set, --jwk-set-uri");
    }
    if (isProvider && flags.role.length === 0) throw usage("an identity provider needs the roles that it may give: --role");
    if (!isProvider && (flags.issuer ?? flags.audience) !== undefined) throw usage("--issuer and --audience are for identity providers");
    if (ca !== undefined && uri === undefined) throw usage("--provider-ca goes with --jwk-set-uri");
    if (newKey !== undefined && existsSync(newKey)) throw new CaiError("cli.output-failed", `${newKey} exists already`);
    const made = newKey === undefined ? undefined : generateKeyPairSync("ed25519");
    const keys = {
      ...(made && { public_key: made.publicKey.export({ format: "pem", type: "spki" }) as string }),
      ...(publicKey !== undefined && { public_key: readTextFile(publicKey) }),
      ...(set !== undefined && { jwk_set: readTextFile(set) }),
      ...(uri !== undefined && { jwk_set_uri: uri, ...(ca !== undefined && { ca: readTextFile(ca) }) }),
    };
    const administrator = {
      kind: isProvider ? "identity-provider" : "key",
      ...keys,
      ...(flags.issuer !== undefined && { issuer: flags.issuer }),
      ...(flags.audience !== undefined && { audience: flags.audience }),
      ...(flags.role.length > 0 && { roles: flags.role }),
    };
    const admin = await connectAdmin(flags, signal);
    // Written first: a key that a trustee takes and nobody has would be of no use, and one that nobody takes does no harm.
    if (made && newKey !== undefined) {
      writeWholeFile(newKey, made.privateKey.export({ format: "pem", type: "pkcs8" }) as string, { mode: 0o600 });
    }
    await putRow(admin, "administrators", { name, administrator });
    const rights = flags.role.length > 0 ? `the roles ${flags.role.join(", ")}` : "every right";
    print(
      { name, kind: administrator.kind, roles: flags.role.length > 0 ? flags.role : null, ...(newKey !== undefined && { key: newKey }) },
      `${isProvider ? "tokens of the identity provider" : "the administrator"} ${name} may have ${rights}${newKey === undefined ? "" : `; its key is ${newKey}`}`,
    );
  },
});

function usage(message: string): CaiError {
  return new CaiError("cli.usage", message, { hint: "cai trustee admin add --help" });
}
