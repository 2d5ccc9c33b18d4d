import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CaiError, type HttpClient } from "../../../../src/system/index.ts";
import { parseOrigins } from "../../../../src/tee/tdx/collateral/origin.ts";
import { QCNL_PATH, qcnlService } from "../../../../src/tee/tdx/collateral/qcnl.ts";
import { type CollateralOrigin, configuredOrigins, type OriginSurroundings, parseCollateralUpdate } from "../../../../src/tee/tdx/index.ts";
import { rejection } from "../../../rejection.ts";
import { errorId } from "../testing.ts";

const DMI = "/sys/class/dmi/id/sys_vendor";
const nowhere: HttpClient = { request: () => Promise.reject(new CaiError("net.unreachable", "nobody")) };

function around(options: Partial<OriginSurroundings> & { files?: Record<string, string> } = {}): OriginSurroundings {
  const { files = {}, ...rest } = options;
  return { environment: {}, readFile: (path) => files[path], metadata: nowhere, ...rest };
}
const shown = (origin: CollateralOrigin) => (origin.kind === "file" ? origin.path : `${origin.base} ${origin.api} ${origin.rootCrl}`);
const names = async (setting: string | undefined, surroundings = around()) =>
  (await configuredOrigins(setting, surroundings).resolve()).map(({ name }) => name);

/** The metadata service of an instance. */
function metadata(region: string, hardened = false): HttpClient & { asked: string[] } {
  const asked: string[] = [];
  const answer = (status: number, text: string) => ({ status, headers: new Headers(), body: new TextEncoder().encode(text) });
  return {
    asked,
    async request({ method, url, headers = {} }) {
      asked.push(`${method} ${url.href}`);
      if (method === "PUT") return hardened ? answer(200, "token-1") : answer(404, "");
      if (hardened && headers["x-aliyun-ecs-metadata-token"] !== "token-1") return answer(403, "");
      return answer(200, region);
    },
  };
}

describe("a list of sources", () => {
  test("has words, addresses and files, in their order", () => {
    const list = parseOrigins("intel, https://pccs.example:8081 ,alibaba:cn-hangzhou,file:///a/b,./c.json,d.json,file:e");
    expect(list.map((origin) => (origin.kind === "alibaba" ? `alibaba ${origin.region}` : shown(origin)))).toEqual([
      "https://api.trustedservices.intel.com v4 https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
      "https://pccs.example:8081 v4 https://pccs.example:8081/sgx/certification/v4/rootcacrl",
      "alibaba cn-hangzhou",
      "/a/b",
      "./c.json",
      "d.json",
      "e",
    ]);
  });

  test("takes an address with or without the trees behind it", () => {
    const spellings = ["", "/", "//", "/sgx/certification/v4", "/sgx/certification/v4/", "/tdx/certification/v4//"];
    for (const path of spellings) {
      for (const before of ["", "/proxy"]) {
        const [origin] = parseOrigins(`https://pccs.example${before}${path}`);
        expect(origin).toMatchObject({ base: `https://pccs.example${before}`, api: "v4", vendor: false });
      }
    }
    expect(parseOrigins("http://pccs.example/sgx/certification/v3/")[0]).toMatchObject({ base: "http://pccs.example", api: "v3" });
    expect(parseOrigins("https://API.trustedservices.intel.com/sgx/certification/v4/")[0]).toMatchObject({ name: "intel", vendor: true });
  });

  test("refuses what is none, and repeats no password", () => {
    const bad = [
      "",
      "intell",
      "ftp://a",
      "alibaba:",
      "alibaba:a.b",
      "alibaba:CN-x",
      "file:",
      "http://",
      "https://a?b",
      "https://a#b",
      "intel,,intel",
    ];
    for (const each of [...bad, `${"intel,".repeat(16)}intel`]) expect(errorId(() => parseOrigins(each))).toBe("cli.setting-invalid");
    for (const word of ["https://user:secret@pccs.example", "https://user:secret@", "ftp://user:secret@pccs.example/"]) {
      const error = rejection(() => parseOrigins(word));
      expect(JSON.stringify(error) + error.message).not.toContain("secret");
      expect(error.id).toBe("cli.setting-invalid");
    }
    fc.assert(fc.property(fc.string(), (text) => expect([undefined, "cli.setting-invalid"]).toContain(errorId(() => parseOrigins(text)))));
  });
});

describe("sources are taken", () => {
  const files = { [QCNL_PATH]: '{ "pccs_url": "https://four.example/sgx/certification/v4/" }' };
  test("from the setting, then PCCS_URLS, PCCS_URL, Intel's file, the default", async () => {
    const environment = { PCCS_URLS: "https://one.example,https://two.example", PCCS_URL: "https://three.example" };
    expect(await names("intel", around({ environment, files }))).toEqual(["intel"]);
    expect(await names(undefined, around({ environment, files }))).toEqual(["https://one.example", "https://two.example"]);
    const { PCCS_URL } = environment;
    expect(await names(undefined, around({ environment: { PCCS_URLS: " ", PCCS_URL }, files }))).toEqual(["https://three.example"]);
    expect(await names(undefined, around({ files }))).toEqual(["https://four.example"]);
    expect(await names(undefined)).toEqual(["intel"]);
    expect(configuredOrigins(undefined, around({ environment })).from).toBe("PCCS_URLS");
    expect(configuredOrigins(undefined, around({ files })).from).toBe(QCNL_PATH);
    expect(errorId(() => configuredOrigins(undefined, around({ environment: { PCCS_URL: "pccs" } })))).toBe("cli.setting-invalid");
  });

  test("of the region on a machine of Alibaba Cloud, inside its network first, then Intel's", async () => {
    const vendor = { [DMI]: "Alibaba Cloud\n" };
    const regional = ["alibaba:cn-hangzhou (vpc)", "alibaba:cn-hangzhou", "intel"];
    expect(await names(undefined, around({ files: vendor, metadata: metadata("cn-hangzhou\n") }))).toEqual(regional);
    expect(await names(undefined, around({ files: vendor, metadata: metadata("cn-hangzhou", true) }))).toEqual(regional);
    expect(await names("alibaba", around({ files: vendor, metadata: metadata("ap-southeast-1") }))).toEqual([
      "alibaba:ap-southeast-1 (vpc)",
      "alibaba:ap-southeast-1",
    ]);
  });

  test("in public where the machine's metadata say nothing, or what is no region", async () => {
    const files = { [DMI]: "Alibaba Cloud" };
    for (const region of ["", "evil.example/", "a".repeat(500), "CN", "cn-hangzhou.evil.example", "\u0000"]) {
      expect(await names(undefined, around({ files, metadata: metadata(region) }))).toEqual(["alibaba:cn-beijing", "intel"]);
    }
    expect(await names(undefined, around({ files }))).toEqual(["alibaba:cn-beijing", "intel"]);
  });

  test("without asking for metadata on machines of others, and once on its own", async () => {
    const elsewhere = metadata("cn-hangzhou");
    expect(await names("alibaba", around({ metadata: elsewhere }))).toEqual(["alibaba:cn-beijing"]);
    expect(await names(undefined, around({ files: { [DMI]: "Google" }, metadata: elsewhere }))).toEqual(["intel"]);
    expect(elsewhere.asked).toEqual([]);
    const own = metadata("cn-hangzhou");
    const configured = configuredOrigins("alibaba", around({ files: { [DMI]: "Alibaba Cloud" }, metadata: own }));
    await Promise.all([configured.resolve(), configured.resolve()]);
    expect(own.asked).toEqual(["PUT http://100.100.100.200/latest/api/token", "GET http://100.100.100.200/latest/meta-data/region-id"]);
  });
});

describe("Intel's configuration file", () => {
  test("is JSON with comments, or lines", () => {
    const json = `// a comment
{ "pccs_url": "https://one.example/sgx/certification/v4/" // localhost by default
  /* "collateral_service": "https://no.example" */
  ,"use_secure_cert": false }`;
    expect(qcnlService(json)).toBe("https://one.example/sgx/certification/v4/");
    expect(qcnlService('{"pccs_url": "https://a", "collateral_service": "https://b"}')).toBe("https://b");
    expect(qcnlService("# a comment\nUSE_SECURE_CERT=FALSE\n  PCCS_URL = https://two.example \n")).toBe("https://two.example");
    expect(qcnlService("#PCCS_URL=https://no.example\n")).toBeUndefined();
    expect(qcnlService("{}")).toBeUndefined();
    for (const text of ["{", '{"pccs_url": 5}', '{"pccs_url": "a",}']) expect(errorId(() => qcnlService(text))).toBe("cli.setting-invalid");
  });
});

test("an edition is a word or an evaluation number", () => {
  expect(["standard", "early", "17"].map(parseCollateralUpdate)).toEqual(["standard", "early", 17]);
  for (const text of ["", "late", "-1", "1.5", "1e3", "9".repeat(20)])
    expect(errorId(() => parseCollateralUpdate(text))).toBe("cli.setting-invalid");
});
