import { describe, expect, test } from "bun:test";
import { ask, refusalOf, valuesOf, verdict } from "./http.ts";
import { ecKey, type GuestKey, openAsUpstream, rsaKey } from "./jwe.ts";
import { Peer } from "./peer.ts";
import { ALLOW_ALL, adminToken, manage, serveFamilies, setResourcePolicy, store } from "./trustee.ts";

const SECRET = "conformance secret, ünïcode";
const NAME = "default/key/one";
const { oa, cc, each } = serveFamilies((subject) => store(subject, NAME, SECRET));

const KEYS: readonly [name: string, make: () => GuestKey, header: RegExp][] = [
  [
    "EC P-256",
    () => ecKey("P-256"),
    /^\{"alg":"ECDH-ES\+A256KW","enc":"A256GCM","epk":\{"crv":"P-256","kty":"EC","x":"[\w-]{43}","y":"[\w-]{43}"\}\}$/,
  ],
  [
    "EC P-521",
    () => ecKey("P-521"),
    /^\{"alg":"ECDH-ES\+A256KW","enc":"A256GCM","epk":\{"crv":"P-521","kty":"EC","x":"[\w-]{88}","y":"[\w-]{88}"\}\}$/,
  ],
  ["RSA of 2048 bits", () => rsaKey("RSA-OAEP-256"), /^\{"alg":"RSA-OAEP-256","enc":"A256GCM"\}$/],
  ["RSA of 4096 bits", () => rsaKey("RSA-OAEP-256", 4096), /^\{"alg":"RSA-OAEP-256","enc":"A256GCM"\}$/],
];

describe.each(each)("to peers of the family %s", (family, subject) => {
  const status = (own: number) => (family === "coco" ? 401 : own);

  test("§1.10, §12.1.1 the first GET, without a token, is 401 with an error that clients can read", async () => {
    const answer = await new Peer(subject().url).get(`resource/${NAME}`);
    expect(verdict(answer)).toBe("401 TokenNotFound kbs.token-missing");
    expect(refusalOf(answer).detail).toBe("Attestation Token not found");
  });

  for (const [name, make, header] of KEYS) {
    test(`§1.8, §1.9, §12.1.5 the answer to a key ${name} opens as its clients open it, with the members of the header in order`, async () => {
      const guest = new Peer(subject().url, make());
      const answer = await guest.get(`resource/${NAME}`, { Cookie: (await guest.attest()).cookie });
      expect(answer.status).toBe(200);
      expect(valuesOf(answer, "content-type")).toEqual(["application/json"]);
      const opened = openAsUpstream(answer.body, guest.key);
      expect(opened.plaintext).toBe(SECRET);
      expect(opened.header).toMatch(header);
    }, 30_000);
  }

  test("§1.9 a binary, an empty and a large resource come as they were stored", async () => {
    const contents = [Buffer.from([0, 255, 10, 13]), Buffer.alloc(0), Buffer.alloc(2 * 1024 * 1024, 0x61)];
    const guest = new Peer(subject().url);
    const { cookie } = await guest.attest();
    for (const content of contents) {
      await store(subject(), "default/size/x", content);
      const answer = await guest.get("resource/default/size/x", { Cookie: cookie });
      const { plaintext } = openAsUpstream(answer.body, guest.key);
      expect(plaintext === content.toString()).toBe(true);
    }
  });

  test("§1.10 a token is taken from the session first, then from the headers of the family", async () => {
    const guest = new Peer(subject().url);
    const { token, cookie } = await guest.attest();
    const asked = (headers: Record<string, string>) => guest.get(`resource/${NAME}`, headers);
    const good: Record<string, string>[] = [
      { Cookie: cookie },
      { Authorization: `Bearer ${token}` },
      { authorization: `bearer ${token}` },
      { Cookie: cookie, Attestation: "a.b.c", Authorization: "Bearer a.b.c" },
      { Cookie: `kbs-session-id=${"0".repeat(32)}`, Authorization: `Bearer ${token}` },
    ];
    for (const headers of good) expect(openAsUpstream((await asked(headers)).body, guest.key).plaintext).toBe(SECRET);
    const gateway = await asked({ Attestation: token, Authorization: "Bearer key-of-a-gateway" });
    const alone = await asked({ Attestation: token });
    if (family === "openanolis") {
      for (const answer of [gateway, alone]) expect(openAsUpstream(answer.body, guest.key).plaintext).toBe(SECRET);
    } else {
      expect(verdict(gateway)).toBe("401 TokenVerifierError kbs.token-malformed");
      expect(verdict(alone)).toBe("401 TokenNotFound kbs.token-missing");
    }
    expect(verdict(await asked({ Authorization: `Basic ${token}` }))).toBe("401 TokenNotFound kbs.token-missing");
  });

  test("§1.5 the cookie of a session that was never attested is no token", async () => {
    const guest = new Peer(subject().url);
    const { cookie } = await guest.auth();
    expect(verdict(await guest.get(`resource/${NAME}`, { Cookie: cookie }))).toBe("401 TokenNotFound kbs.token-missing");
  });

  test("§1.11 a missing resource is 404 and keeps its variant", async () => {
    const guest = new Peer(subject().url);
    const answer = await guest.get("resource/no/such/key", { Cookie: (await guest.attest()).cookie });
    expect(verdict(answer)).toBe("404 PluginInternalError kbs.resource-missing");
    expect(refusalOf(answer).detail).toBe("Plugin internal error");
  });

  test("§1.11, I20 a denied guest is told the same, byte for byte, whether there is such a resource or not", async () => {
    const guest = new Peer(subject().url);
    const { cookie } = await guest.attest();
    await store(subject(), "default/key/envelope", JSON.stringify({ alg: "x", enc_key: "", iv: "", ciphertext: "", tag: "" }));
    await setResourcePolicy(subject(), "package policy\n");
    try {
      const shown = async (path: string) => {
        const answer = await guest.get(path, { Cookie: cookie });
        expect(verdict(answer)).toBe(`${status(403)} PolicyDeny kbs.policy-denied`);
        expect(refusalOf(answer).decision).toMatch(/^[a-z2-7]{16}$/);
        const headers = answer.headers.filter(([name]) => !["date", "cai-signature", "x-request-id"].includes(name.toLowerCase()));
        return JSON.stringify([answer.status, headers, answer.body.toString().replace(/[a-z2-7]{16}/, "")]);
      };
      const there = await shown(`resource/${NAME}`);
      expect(await shown("resource/default/key/two")).toBe(there);
      expect(await shown("resource/default/key/envelope")).toBe(there);
      expect(await shown("resource/another/repository/x?a=b")).toBe(there);
    } finally {
      await setResourcePolicy(subject(), ALLOW_ALL);
    }
  });

  test("§3.1, I21 names are three segments of their letters, in whatever spelling the others come", async () => {
    const guest = new Peer(subject().url);
    const { cookie } = await guest.attest();
    const names = [
      "a",
      "a/b",
      "a/b/c/d",
      "a//c",
      "/a/b/c",
      "a/b/c/",
      ".a/b/c",
      "a/.b/c",
      "a/b/.c",
      "a/b/c..d",
      "a/b/c%2fd",
      "a/b/%63",
      "%61/b/c",
    ];
    names.push(
      "a/b/c%00",
      "a/b/c%20",
      "a/b/ä",
      "a/b/c;d",
      "a/b/c+d",
      "a/b/c:d",
      "a/b/c~",
      `a/b/${"x".repeat(129)}`,
      "a/%2e%2e/c",
      "a/b/%252e",
    );
    for (const name of names) {
      const answer = await guest.get(`resource/${name}`, { Cookie: cookie });
      expect(`${name} ${verdict(answer)}`).toBe(`${name} 404 InvalidRequestPath kbs.path-invalid`);
      for (const [method, body] of [["POST", "x"] as const, ["DELETE", undefined] as const]) {
        expect(verdict(await manage(subject(), method, `resource/${name}`, body))).toBe("404 InvalidRequestPath kbs.path-invalid");
      }
    }
    for (const name of ["A-_9/b.c/d.e-f_", "_/-/0"]) {
      await store(subject(), name, "x");
      const answer = await guest.get(`resource/${name}?version=1`, { Cookie: cookie });
      expect(openAsUpstream(answer.body, guest.key).plaintext).toBe("x");
    }
  });

  test("§3.1 dot segments in a request line lead to no other name than the one that the policy is asked about", async () => {
    const guest = new Peer(subject().url);
    const { cookie } = await guest.attest();
    await setResourcePolicy(subject(), 'package policy\nimport rego.v1\nallow if not "one" in data["resource-path-parts"]\n');
    try {
      for (const name of ["x/../default/key/one", "a/b/../../default/key/one", "default/key/../key/one", "../resource/default/key/one"]) {
        const answer = await guest.get(`resource/${name}`, { Cookie: cookie });
        expect([`${status(403)} PolicyDeny kbs.policy-denied`, "404 InvalidRequestPath kbs.path-invalid"]).toContain(verdict(answer));
      }
    } finally {
      await setResourcePolicy(subject(), ALLOW_ALL);
    }
  });

  test("§5.6 a policy is given the path in the form of the family, with the plugin and the query, and the whole token", async () => {
    const guest = new Peer(subject().url);
    const { cookie } = await guest.attest();
    const form =
      family === "coco"
        ? 'data["resource-path"] == ["default", "key", "one"]\n\tcount(data["resource-path"]) == 3'
        : 'data["resource-path"] == "resource/default/key/one"\n\tcount(split(data["resource-path"], "/")) == 4';
    const rest = 'data.plugin == "resource"\n\tdata.query == {"a": "b c"}\n\tdata["resource-path-parts"] == ["default", "key", "one"]';
    const token = 'input.submods.cpu0["ear.appraisal-policy-id"] == "default"\n\tinput.exp > input.iat';
    await setResourcePolicy(
      subject(),
      `package policy\nimport rego.v1\ndefault allow := false\nallow if {\n\t${form}\n\t${rest}\n\t${token}\n}\n`,
    );
    try {
      const answer = await guest.get(`resource/${NAME}?a=b%20c`, { Cookie: cookie });
      expect(openAsUpstream(answer.body, guest.key).plaintext).toBe(SECRET);
      expect(verdict(await guest.get(`resource/${NAME}`, { Cookie: cookie }))).toBe(`${status(403)} PolicyDeny kbs.policy-denied`);
    } finally {
      await setResourcePolicy(subject(), ALLOW_ALL);
    }
  });

  test("§5.2 a token names an issuer where those of the family do, and report data and init data stand beside the platform's claims", async () => {
    const { token } = await new Peer(subject().url).attest();
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    expect(claims.iss).toBe(family === "coco" ? "CoCo-Attestation-Service" : undefined);
    const { tdx, ...beside } = claims.submods.cpu0["ear.veraison.annotated-evidence"];
    expect(Object.keys(beside).sort()).toEqual(["init_data", "init_data_claims", "report_data", "runtime_data_claims"]);
    expect(tdx.quote.body.report_data).toBe(beside.report_data);
    expect([Object.keys(tdx).includes("report_data"), Object.keys(tdx).includes("init_data")]).toEqual([false, false]);
  });

  test("§5.5 a token opens nothing where its signer, form or time is another", async () => {
    const guest = new Peer(subject().url);
    const { token } = await guest.attest();
    const other = subject() === oa() ? cc() : oa();
    const { token: foreign } = await new Peer(other.url).attest();
    const [head = "", claims = "", signature = ""] = token.split(".");
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const longer = part({ ...(JSON.parse(Buffer.from(claims, "base64url").toString()) as object), exp: 9_999_999_999 });
    const cases: Record<string, string> = {
      [foreign]: "kbs.token-signature",
      [`${head}.${longer}.${signature}`]: "kbs.token-signature",
      [`${part({ alg: "none" })}.${claims}.`]: "kbs.token-malformed",
      [`${part({ alg: "none" })}.${claims}.${signature}`]: "kbs.token-malformed",
      [`${head}=.${claims}.${signature}`]: "kbs.token-malformed",
      [`${token}.x`]: "kbs.token-malformed",
      x: "kbs.token-malformed",
    };
    for (const [presented, id] of Object.entries(cases)) {
      expect(verdict(await guest.get(`resource/${NAME}`, { Authorization: `Bearer ${presented}` }))).toBe(`401 TokenVerifierError ${id}`);
    }
  });
});

test("§1.1 HEAD is no method of a resource, whatever token comes with it, and records no release; what is public answers it without a body", async () => {
  const guest = new Peer(oa().url);
  const { cookie, token } = await guest.attest();
  const head = (target: string, headers = {}) => ask(oa().url, { method: "HEAD", target, headers });
  const releases = async () => {
    const answer = await manage(oa(), "GET", "cai/decisions?kind=release");
    expect(answer.status).toBe(200);
    return answer.body.toString();
  };
  const before = await releases();
  for (const headers of [{}, { Cookie: cookie }, { Authorization: `Bearer ${token}` }, { Attestation: token }]) {
    const answer = await head(`/kbs/v0/resource/${NAME}`, headers);
    expect([answer.status, answer.body.length, valuesOf(answer, "allow")]).toEqual([405, 0, ["GET, POST, DELETE"]]);
  }
  expect((await head("/kbs/v0/resource-policy", { Authorization: `Bearer ${adminToken(oa().adminKey)}` })).status).toBe(405);
  expect(await releases()).toBe(before);
  const ready = await head("/readyz");
  expect([ready.status, ready.body.length]).toEqual([200, 0]);
});
