import { CaiError, createHttpClient, defineVerb, type JsonValue, readTextFile } from "../../../system/index.ts";

export default defineVerb({
  path: "trustee openapi",
  description:
    "Prints the description of everything that a running trustee answers: OpenAPI 3.1, made from its own routes and schemas.\nIt is no secret and needs no credential.",
  positionals: [],
  flags: {
    trustee: { kind: "text", value: "URL", default: "http://127.0.0.1:8080", about: "the trustee" },
    ca: { kind: "text", value: "FILE", about: "certificate authorities (PEM) for the trustee's TLS, instead of the built-in ones" },
  },
  examples: [
    { about: "of the trustee on this machine", line: "cai trustee openapi > openapi.json" },
    {
      about: "of another one, with TLS by its own authority",
      line: "cai trustee openapi --trustee https://trustee.example.org:8443 --ca trustee-ca.pem",
    },
  ],
  async run({ flags, print, signal }) {
    if (!URL.canParse("openapi.json", `${flags.trustee.replace(/\/+$/, "")}/`)) {
      throw new CaiError("cli.setting-invalid", `--trustee cannot be ${JSON.stringify(flags.trustee)}`, {
        expected: "an http or https address",
        got: flags.trustee,
      });
    }
    const url = new URL("openapi.json", `${flags.trustee.replace(/\/+$/, "")}/`);
    const client = createHttpClient(flags.ca === undefined ? {} : { ca: readTextFile(flags.ca) });
    const { status, body } = await client.request({ method: "GET", url, signal });
    const document = status === 200 ? parse(body) : undefined;
    if (document === undefined) {
      throw new CaiError("net.response-invalid", `${url.origin} does not answer like a cai trustee`, {
        expected: "an OpenAPI document",
        got: `status ${status}`,
      });
    }
    print(document, JSON.stringify(document, null, 2));
  },
});

function parse(body: Uint8Array): JsonValue | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as JsonValue;
  } catch {
    return undefined;
  }
}
