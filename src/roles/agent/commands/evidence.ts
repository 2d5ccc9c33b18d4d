import { decodeHex } from "../../../crypto/index.ts";
import { HASH_ALGORITHMS, type HashAlgorithm, readRuntimeData } from "../../../protocol/index.ts";
import { CaiError, defineVerb, readTextFile } from "../../../system/index.ts";
import { type EvidenceSubject, evidenceFor } from "../index.ts";
import { attesterOf, TEE_FLAGS } from "./flags.ts";

export default defineVerb({
  path: "agent evidence",
  description:
    "Prints evidence of this machine over data of your choice, as JSON. Data reserved for the agent's own attestation is refused.",
  positionals: [],
  flags: {
    "report-data": { kind: "text", value: "HEX", about: "up to 64 bytes, zero-filled at the end", commandLineOnly: true },
    "runtime-data": { kind: "text", value: "FILE", about: "a JSON object, hashed in its canonical form", commandLineOnly: true },
    hash: { kind: "text", value: HASH_ALGORITHMS.join("|"), default: "sha384", oneOf: HASH_ALGORITHMS, about: "how it is hashed" },
    ...TEE_FLAGS,
  },
  examples: [
    { about: "on a TDX machine, as root, over 32 bytes", line: `cai agent evidence --report-data ${"00".repeat(32)}` },
    { about: "of a simulated machine", line: `cai agent evidence --report-data ${"00".repeat(32)} --simulated-tdx sim/machine.json` },
    { about: "over a JSON object", line: "cai agent evidence --runtime-data runtime.json --simulated-tdx sim/machine.json" },
  ],
  async run({ flags, print }) {
    const subject = subjectOf(flags["report-data"], flags["runtime-data"], flags.hash as HashAlgorithm);
    const evidence = await evidenceFor(await attesterOf(flags), subject);
    print(evidence, JSON.stringify(evidence, null, 2));
  },
});

function subjectOf(reportData: string | undefined, runtimeData: string | undefined, hash: HashAlgorithm): EvidenceSubject {
  if (reportData !== undefined && runtimeData === undefined) return { reportData: parseHex(reportData) };
  if (runtimeData !== undefined && reportData === undefined)
    return { runtimeData: readRuntimeData(readTextFile(runtimeData), runtimeData), hash };
  throw new CaiError("cli.usage", "give either --report-data or --runtime-data", { hint: "cai agent evidence --help" });
}

function parseHex(text: string): Uint8Array {
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) return decodeHex(text);
  throw new CaiError("cli.setting-invalid", "--report-data is no hexadecimal", { expected: "an even number of hex digits" });
}
