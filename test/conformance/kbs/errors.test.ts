import { describe, expect, test } from "bun:test";
import { type Answer, announce, ask, refusalOf, valuesOf, verdict } from "./http.ts";
import { rsaKey } from "./jwe.ts";
import { Peer } from "./peer.ts";
import { ALLOW_ALL, adminToken, manage, type Subject, serveFamilies, setResourcePolicy, store } from "./trustee.ts";

const { oa, cc, each } = serveFamilies();

const BAD_REGO = Buffer.from("package policy\nallow := {").toString("base64url");
const ENVELOPE = JSON.stringify({
  alg: "RSA-OAEP-256",
  enc_key: "AAAA",
  iv: "AAAAAAAAAAAAAAAA",
  ciphertext: "AA==",
  tag: "AAAAAAAAAAAAAAAAAAAAAA==",
});

async function withKey(subject: Subject): Promise<Answer> {
  const guest = new Peer(subject.url, rsaKey("RSA1_5"));
  const opened = await guest.auth();
  return guest.attestAnswer(opened, guest.message(opened));
}

async function got(subject: Subject, path: string, policy = ALLOW_ALL): Promise<Answer> {
  const guest = new Peer(subject.url);
  const { cookie } = await guest.attest();
  await setResourcePolicy(subject, policy);
  const answer = await guest.get(path, { Cookie: cookie });
  await setResourcePolicy(subject, ALLOW_ALL);
  return answer;
}

interface Row {
  readonly name: string;
  readonly provoke: (subject: Subject) => Promise<Answer>;
  /** status, variant and id in each family */
  readonly openanolis: string;
  readonly coco: string;
  /** where the text is the same in both */
  readonly detail?: string | RegExp;
}

const ROWS: readonly Row[] = [
  {
    name: "an administrator's call without a token",
    provoke: ({ url }) => ask(url, { method: "POST", target: "/kbs/v0/resource/a/b/c", body: "x" }),
    openanolis: "401 AdminAuth admin.unauthenticated",
    coco: "401 AdminAuthAccess admin.unauthenticated",
    detail: /^(Admin auth error|admin access denied for endpoint \/kbs\/v0\/resource\/a\/b\/c)$/,
  },
  {
    name: "an administrator's token of a role without the right",
    provoke: ({ url, adminKey }) =>
      ask(url, { target: "/kbs/v0/resources", headers: { Authorization: `Bearer ${adminToken(adminKey, { role: "nobody" })}` } }),
    openanolis: "403 AdminAuth admin.forbidden",
    coco: "401 AdminAuthAccess admin.forbidden",
  },
  {
    name: "a failed auth",
    provoke: ({ url }) => new Peer(url).post("auth", "{"),
    openanolis: "502 AttestationError kbs.message-malformed",
    coco: "401 AttestationError kbs.message-malformed",
    detail: /^Attestation error: RCAR handshake Auth failed: /,
  },
  {
    name: "an unknown platform",
    provoke: ({ url }) => new Peer(url).authAnswer({ tee: "nope" }),
    openanolis: "502 AttestationError kbs.tee-unsupported",
    coco: "401 AttestationError kbs.tee-unsupported",
    detail: /^Attestation error: RCAR handshake Auth failed: /,
  },
  {
    name: "a failed attest, whose cause is not told",
    async provoke({ url }) {
      const guest = new Peer(url);
      const opened = await guest.auth();
      return guest.attestAnswer(opened, guest.message({ nonce: "another" }));
    },
    openanolis: "502 AttestationError kbs.nonce-foreign",
    coco: "401 AttestationError kbs.nonce-foreign",
    detail: "Attestation error: RCAR handshake Attest failed",
  },
  {
    name: "a key that cannot be used",
    provoke: withKey,
    openanolis: "400 AttestationError kbs.tee-key-invalid",
    coco: "401 AttestationError kbs.tee-key-invalid",
  },
  {
    name: "an attestation policy that does not compile",
    provoke: (subject) => manage(subject, "POST", "attestation-policy", JSON.stringify({ policy_id: "default", policy: BAD_REGO })),
    openanolis: "400 AttestationError policy.parse-error",
    coco: "401 AttestationError policy.parse-error",
  },
  {
    name: "a resource policy that does not compile",
    provoke: (subject) => manage(subject, "POST", "resource-policy", JSON.stringify({ policy: BAD_REGO })),
    openanolis: "500 PolicyEngine policy.parse-error",
    coco: "401 PolicyEngine policy.parse-error",
  },
  {
    name: "a reference value of another form",
    provoke: (subject) => manage(subject, "POST", "rvps/register", "{}"),
    openanolis: "400 AttestationError kbs.reference-invalid",
    coco: "401 RvpsError kbs.reference-invalid",
  },
  {
    name: "a path that is none",
    provoke: ({ url }) => ask(url, { target: "/kbs/v0/resource/a/b" }),
    openanolis: "404 InvalidRequestPath kbs.path-invalid",
    coco: "404 InvalidRequestPath kbs.path-invalid",
    detail: "Request path /kbs/v0/resource/a/b is invalid",
  },
  {
    name: "a plugin that is none (§12)",
    provoke: ({ url }) => ask(url, { target: "/kbs/v0/default/key/one" }),
    openanolis: "404 PluginNotFound kbs.plugin-unknown",
    coco: "404 PluginNotFound kbs.plugin-unknown",
    detail: "Plugin default not found: resources are at resource/{repository}/{type}/{tag}",
  },
  {
    name: "a plugin that fails",
    async provoke(subject) {
      await store(subject, "default/key/envelope", ENVELOPE);
      return got(subject, "resource/default/key/envelope");
    },
    openanolis: "500 PluginInternalError kbs.envelope-unreadable",
    coco: "401 PluginInternalError kbs.envelope-unreadable",
    detail: "Plugin internal error",
  },
  {
    name: "a denial",
    provoke: (subject) => got(subject, "resource/a/b/c", "package policy\n"),
    openanolis: "403 PolicyDeny kbs.policy-denied",
    coco: "401 PolicyDeny kbs.policy-denied",
    detail: "Access denied by policy",
  },
  {
    name: "a body that is no JSON",
    provoke: (subject) => manage(subject, "POST", "resource-policy", "policy"),
    openanolis: "400 SerdeError kbs.message-malformed",
    coco: "401 SerdeError kbs.message-malformed",
    detail: /^Serialize\/Deserialize failed/,
  },
  {
    name: "no token",
    provoke: ({ url }) => ask(url, { target: "/kbs/v0/resource/a/b/c" }),
    openanolis: "401 TokenNotFound kbs.token-missing",
    coco: "401 TokenNotFound kbs.token-missing",
    detail: "Attestation Token not found",
  },
  {
    name: "a token that is none",
    provoke: ({ url }) => ask(url, { target: "/kbs/v0/resource/a/b/c", headers: { Authorization: "Bearer x" } }),
    openanolis: "401 TokenVerifierError kbs.token-malformed",
    coco: "401 TokenVerifierError kbs.token-malformed",
    detail: "Token Verifier error",
  },
];

describe("§1.11 the error of", () => {
  for (const row of ROWS) {
    test(row.name, async () => {
      for (const [subject, expected] of [
        [oa(), row.openanolis],
        [cc(), row.coco],
      ] as const) {
        const answer = await row.provoke(subject);
        expect(verdict(answer)).toBe(expected);
        if (typeof row.detail === "string") expect(refusalOf(answer).detail).toBe(row.detail);
        else if (row.detail !== undefined) expect(refusalOf(answer).detail).toMatch(row.detail);
      }
    });
  }
});

describe.each(each)("§1.2 to peers of the family %s", (_family, subject) => {
  test("an error object answers whatever path is asked for", async () => {
    for (const target of ["/", "/kbs", "/kbs/v0", "/kbs/v0/", "/kbs/v1/auth", "/admin", "/kbs/v0/x", "//kbs/v0/auth", "/kbs/v0/auth/x"]) {
      for (const method of ["GET", "POST", "DELETE", "PUT", "PATCH"]) {
        const answer = await ask(subject().url, { method, target });
        expect(`${target} ${verdict(answer)}`).toMatch(
          / 40[45] (PluginNotFound kbs\.plugin-unknown|InvalidRequestPath kbs\.path-invalid)$/,
        );
      }
    }
    expect(verdict(await ask(subject().url, { target: "/kbs/v0/resource" }))).toBe("404 InvalidRequestPath kbs.path-invalid");
  });

  test("another method than those of a path is 405, and the answer names them", async () => {
    const cases: Record<string, string> = {
      "/kbs/v0/auth": "POST",
      "/api/kbs/v0/attest": "POST",
      "/kbs/v0/resource-policy": "GET, POST",
      "/kbs/v0/resource/a/b/c": "GET, POST, DELETE",
      "/kbs/v0/resources": "GET",
    };
    for (const [target, allowed] of Object.entries(cases)) {
      for (const method of ["PUT", "PATCH", "OPTIONS"]) {
        const answer = await ask(subject().url, { method, target });
        expect(verdict(answer)).toBe("405 InvalidRequestPath kbs.method-unsupported");
        expect(valuesOf(answer, "allow")).toEqual([allowed]);
      }
    }
    expect(verdict(await ask(subject().url, { target: "/kbs/v0/auth" }))).toBe("405 InvalidRequestPath kbs.method-unsupported");
  });

  test("what is too large is 413 in both families, for nothing that a client does mends it", async () => {
    for (const path of ["auth", "attest", "resource/a/b/c"]) {
      expect(verdict(await announce(subject().url, `/kbs/v0/${path}`, 3 * 1024 * 1024))).toBe("413 SerdeError kbs.request-too-large");
    }
  });
});
