import { CaiError, defineVerb, writeWholeFile } from "../../../system/index.ts";
import {
  type CollateralAccess,
  type CollateralOrigin,
  collateralFor,
  formatCollateralFile,
  type LabelledSet,
  type ObtainRequest,
  obtainCollateral,
  obtainPckChain,
  parseCollateralUpdate,
  summarizeCollateral,
} from "../../../tee/tdx/index.ts";
import { collateralAnchors, localAccess, localOrigins, now, SOURCE_FLAGS, summaryTable } from "../collateral.ts";
import { readSource } from "../source.ts";
import { MAX_EVIDENCE, readEvidenceInput } from "../verify/evidence-input.ts";

export default defineVerb({
  path: "collateral fetch",
  description:
    "Gets what the manufacturer says about a kind of platform (TCB info, QE identity, revocation lists) and saves it as one file, which trustees and `cai verify` read.\nOnly what the manufacturer signed is saved; for a quote that only names its machine, the machine's certificates are, too. A file that is there is replaced.",
  positionals: [
    {
      name: "QUOTE",
      about: "a quote or evidence of the platform in any form that `cai verify` reads: a file, a URL, or `-`",
      optional: true,
    },
  ],
  flags: {
    fmspc: { kind: "text", value: "HEX,…", about: "kinds of platforms instead of a quote, 12 hex digits each", commandLineOnly: true },
    tee: { kind: "text", value: "TEE", oneOf: ["tdx", "sgx"], default: "tdx", about: "with --fmspc: tdx or sgx", commandLineOnly: true },
    "pck-ca": {
      kind: "text",
      value: "CA",
      oneOf: ["platform", "processor"],
      default: "platform",
      about: "with --fmspc: the authority that certified the machines, platform or processor",
      commandLineOnly: true,
    },
    ...SOURCE_FLAGS,
    update: {
      kind: "text",
      value: "EDITION",
      default: "standard",
      about: "standard, early, or a TCB evaluation number",
      commandLineOnly: true,
    },
    output: { kind: "text", value: "FILE", short: "o", about: "where to save it; standard output by default", commandLineOnly: true },
  },
  examples: [
    { about: "for the machine that made a quote", line: "cai collateral fetch quote.bin -o collateral.json" },
    {
      about: "for two kinds of platforms, from a service of your own, else from Intel",
      line: "cai collateral fetch --fmspc 90c06f000000,b0c06f000000 --source https://pccs.example:8081,intel -o collateral.json",
    },
  ],
  exits: { 3: "no source has any for this platform, or what it has is not signed by the manufacturer", 4: "no source could be reached" },
  async run({ positionals: [quote], flags, print, signal }) {
    const update = parseCollateralUpdate(flags.update);
    if ((quote === undefined) === (flags.fmspc === undefined)) {
      throw new CaiError("cli.usage", "give either QUOTE or --fmspc", { hint: "cai collateral fetch --help" });
    }
    const fmspcs = parseFmspcs(flags.fmspc);
    const origins = await localOrigins(flags.source);
    const access = localAccess(flags, { anchors: await collateralAnchors(flags["trust-anchor"]), update, signal });
    const wanted = fmspcs.map((fmspc): Wanted => ({ request: { tee: teeOf(flags.tee), fmspc, ca: authorityOf(flags["pck-ca"]) } }));
    if (quote !== undefined) {
      const { evidence } = readEvidenceInput(await readSource(quote, MAX_EVIDENCE, signal));
      wanted.push(await wantedFor(evidence.quote, origins, access));
    }
    const sets: LabelledSet[] = [];
    for (const { request, pckChain } of wanted) {
      const obtained = await obtainCollateral(origins, request, access);
      sets.push({ ...obtained, collateral: { ...obtained.collateral, pckCertificateChain: pckChain }, update, fetched: now() });
    }
    const text = formatCollateralFile(sets);
    if (flags.output === undefined) {
      print(JSON.parse(text), text.trimEnd());
      return;
    }
    writeWholeFile(flags.output, text);
    const rows = sets.map((set) => summarizeCollateral(set, now()));
    print({ file: flags.output, collateral: rows }, `saved in ${flags.output}\n${summaryTable(rows)}`);
  },
});

/** A set to get. */
interface Wanted {
  readonly request: ObtainRequest;
  /** the chain of one machine, which its quotes need besides */
  readonly pckChain?: string | undefined;
}

async function wantedFor(quote: Uint8Array, origins: readonly CollateralOrigin[], access: CollateralAccess): Promise<Wanted> {
  const pckChain = await obtainPckChain(quote, origins, access);
  return { request: collateralFor(quote, access.anchors, access.now(), pckChain), pckChain };
}

function parseFmspcs(list: string | undefined): string[] {
  if (list === undefined) return [];
  return list.split(",").map((text) => {
    if (/^[0-9a-f]{12}$/i.test(text.trim())) return text.trim().toLowerCase();
    throw new CaiError("cli.setting-invalid", `--fmspc cannot be ${JSON.stringify(text)}`, { expected: "12 hex digits", got: text });
  });
}

const teeOf = (text: string): "tdx" | "sgx" => (text === "sgx" ? "sgx" : "tdx");
const authorityOf = (text: string): "platform" | "processor" => (text === "processor" ? "processor" : "platform");
