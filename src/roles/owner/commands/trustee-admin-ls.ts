import { createHash, createPublicKey } from "node:crypto";
import { defineVerb, formatTable } from "../../../system/index.ts";
import { listRows } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee admin ls",
  description: "Lists who may administer a trustee: keys and identity providers, with their roles.",
  positionals: [],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "of the trustee on this machine", line: "cai trustee admin ls --admin-key cai-trustee/admin.key" },
    { about: "for a program", line: "cai trustee admin ls --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ flags, print, signal }) {
    const administrators = await listRows(await connectAdmin(flags, signal), "administrators");
    const rows = administrators.map(({ name, kind, roles, public_key: pem, jwk_set_uri: uri, issuer, audience }) => [
      name,
      kind === "key" ? "key" : "identity provider",
      roles === undefined ? "every right" : roles.join(", "),
      pem !== undefined ? fingerprint(pem) : (uri ?? "JWK set"),
      [issuer === undefined ? "" : `iss ${issuer}`, audience === undefined ? "" : `aud ${audience}`]
        .filter((each) => each !== "")
        .join(", "),
    ]);
    print({ administrators }, formatTable([["NAME", "KIND", "ROLES", "KEY", "TOKENS"], ...rows]));
  },
});

/** SHA-256 of the public key, by which two people can compare it. */
function fingerprint(pem: string): string {
  try {
    return `spki:sha256:${createHash("sha256")
      .update(createPublicKey(pem).export({ format: "der", type: "spki" }))
      .digest("base64url")}`;
  } catch {
    return "unreadable";
  }
}
