import { CAI, type Figure, median, spread, timed } from "./measure.ts";

const RUNS = 20;

/** How long `cai --version` takes as a whole process. */
export function benchStartup(): Figure[] {
  timed([CAI, "--version"]);
  const times = Array.from({ length: RUNS }, () => timed([CAI, "--version"]) * 1000);
  return [
    {
      name: "cai --version",
      value: `${median(times).toFixed(1)} ms`,
      target: "< 60 ms",
      met: median(times) < 60,
      detail: `${RUNS} runs, ms: ${spread(times, 1)}`,
    },
  ];
}
