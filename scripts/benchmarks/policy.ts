import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { compilePolicy, decideRelease, type EvaluateOptions, explainQuery, groundsOfAppraisal, templates } from "../../src/policy/index.ts";
import { bootLog, bootReferences, hex, tdx } from "../../test/policy/decisions/evidence.ts";
import { tokenWith } from "../../test/policy/evidence.ts";
import { type Figure, median, run, spread } from "./measure.ts";

const POLICY = resolve(import.meta.dir, "../../test/policy/decisions/claims-by-rule.rego");
const EVENTS = 120;
const CLAIMS = ["hardware", "executables", "configuration", "file_system"].map((claim) => `data.policy.${claim}`);
const EXPECTED = "2,3,2,2";

const RUNS = 4000;
const BATCH = 200;
const COLD_RUNS = 15;

/** Microseconds of each of many runs of some work. */
function microseconds(work: () => void, runs = RUNS, perRun = 1): number[] {
  for (let i = 0; i < runs / 4; i++) work();
  return Array.from({ length: runs }, () => {
    const start = performance.now();
    for (let i = 0; i < perRun; i++) work();
    return ((performance.now() - start) * 1000) / perRun;
  });
}

const quantile = (values: readonly number[], part: number) => [...values].sort((a, b) => a - b)[Math.floor(values.length * part)]!;

/** How long policies take: grading evidence with a long event log, deciding on a resource, compiling, and explaining. */
export function benchPolicy(folder: string): Figure[] {
  const text = readFileSync(POLICY, "utf8");
  const references = {
    ...bootReferences(),
    "tdx.mr_td": [hex("aa", 48)],
    "tdx.mr_seam": [hex("b0", 48)],
    "tdx.xfam": ["e702060000000000"],
  } as { readonly [name: string]: string[] };
  const policy = compilePolicy(text);
  const options: EvaluateOptions = {
    input: tdx({ uefi_event_logs: bootLog("SHA-384", EVENTS) }),
    data: { reference: references },
    referenceValue: (id) => references[id] ?? null,
  };
  const claims = policy.evaluateEach(CLAIMS, options).join();
  if (claims !== EXPECTED) throw new Error(`the policy graded ${claims} instead of ${EXPECTED}`);

  const grading = microseconds(() => policy.evaluateEach(CLAIMS, options));
  const request = {
    policyText: templates.affirming,
    token: tokenWith(),
    resource: { plugin: "resource", path: ["default", "key", "1"], query: {} },
    now: 0,
  };
  if (!decideRelease(request).allowed) throw new Error("the resource policy denies");
  const deciding = microseconds(() => decideRelease(request), RUNS / 10, BATCH);

  const one = microseconds(() => policy.evaluate(CLAIMS[1]!, options), RUNS / 4);
  const explaining = microseconds(() => explainQuery(policy, CLAIMS[1]!, options), RUNS / 4);
  const ratio = median(explaining) / median(one);

  const appraised = { policyText: text, evidence: tdx({ uefi_event_logs: bootLog("SHA-384", EVENTS) }), references, now: 0 };
  const keeping = microseconds(() => groundsOfAppraisal(appraised));
  let machine = 0;
  const finding = microseconds(
    () => groundsOfAppraisal({ ...appraised, references: { ...references, "tdx.xfam": [`${machine++}`] } }),
    RUNS / 10,
  );

  const compiler = join(folder, "policy-compile");
  run([process.execPath, "build", "--compile", "--minify", "--outfile", compiler, resolve(import.meta.dir, "policy-compile.ts")]);
  const cold = Array.from({ length: COLD_RUNS }, () => Number(run([compiler, POLICY])));

  const lines = text.trimEnd().split("\n").length;
  return [
    {
      name: `attestation policy, ${lines} lines`,
      value: `${median(grading).toFixed(0)} µs`,
      target: "p50 < 150 µs",
      met: median(grading) < 150,
      detail: `${EVENTS} events, four claims, ${RUNS} runs: p90 ${quantile(grading, 0.9).toFixed(0)} µs, p99 ${quantile(grading, 0.99).toFixed(0)} µs`,
    },
    {
      name: "resource policy",
      value: `${median(deciding).toFixed(2)} µs`,
      target: "< 5 µs",
      met: median(deciding) < 5,
      detail: `template affirming, ${(RUNS / 10) * BATCH} decisions, µs: ${spread(deciding)}`,
    },
    {
      name: "cold compile",
      value: `${median(cold).toFixed(1)} ms`,
      target: "< 30 ms",
      met: median(cold) < 30,
      detail: `the same ${lines} lines, first compilation of ${COLD_RUNS} compiled processes, ms: ${spread(cold, 1)}`,
    },
    {
      name: "explain / evaluate",
      value: `${ratio.toFixed(2)} ×`,
      target: "< 3 ×",
      met: ratio < 3,
      detail: `${CLAIMS[1]}: ${median(explaining).toFixed(0)} µs against ${median(one).toFixed(0)} µs`,
    },
    {
      name: "grounds for a record",
      value: `${median(keeping).toFixed(0)} µs`,
      target: "p50 < 150 µs",
      met: median(keeping) < 150,
      detail: `${EVENTS} events, a machine that was seen before; of a new one ${(median(finding) / 1000).toFixed(1)} ms`,
    },
  ];
}
