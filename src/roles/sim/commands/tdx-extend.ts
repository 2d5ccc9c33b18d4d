import { encodeHex } from "../../../crypto/index.ts";
import { defineVerb } from "../../../system/index.ts";
import { aaelEvent, EVENT_TYPE, SHA384 } from "../../../tee/eventlog/index.ts";
import { extendSimulatedTd, updateSimulatedTd } from "../../../tee/tdx/index.ts";
import { MACHINE_FLAG } from "./tdx-flags.ts";

/** The register that is for what happens at run time. */
const RUNTIME_REGISTER = 3;

export default defineVerb({
  path: "sim tdx extend",
  description:
    "Records a runtime event in a simulated TDX machine: extends RTMR3 by its digest and appends it to the machine's event log.\nWhatever uses the same machine file shows the event in its next evidence.",
  positionals: [
    { name: "DOMAIN", about: "who defines what the event means: one word, for example a host name" },
    { name: "OPERATION", about: "what happened: one word" },
    { name: "CONTENT", about: "one line of text, often JSON or a digest" },
  ],
  flags: { machine: MACHINE_FLAG },
  examples: [
    { about: "an event with a text", line: "cai sim tdx extend example.com load-config sha256:abcd" },
    {
      about: "one with JSON, in another machine",
      line: `cai sim tdx extend example.com load-model '{"id": "qwen"}' --machine other/machine.json`,
    },
  ],
  async run({ positionals: [domain, operation, content], flags, print }) {
    const { data, digest } = aaelEvent({ domain, operation, content }, SHA384);
    const event = { type: EVENT_TYPE.EV_EVENT_TAG, data };
    const td = await updateSimulatedTd(flags.machine, (before) => extendSimulatedTd(before, RUNTIME_REGISTER, digest, event));
    const rtmr = encodeHex(td.rtmrs[RUNTIME_REGISTER]!);
    print({ register: `rtmr_${RUNTIME_REGISTER}`, digest: encodeHex(digest), value: rtmr, simulated: true }, `RTMR3 is now ${rtmr}`);
  },
});
