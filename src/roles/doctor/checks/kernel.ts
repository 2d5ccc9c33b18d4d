import { type Finding, found, ok } from "../finding.ts";
import type { Machine } from "../machine.ts";

/** What kernels can do from which version on (tdx.md §3). */
const NEEDS = [
  { version: [6, 7], for: "quotes through configfs-tsm" },
  { version: [6, 16], for: "measurement registers as files" },
] as const;

/** Whether the kernel is new enough for its own TDX interfaces; vendor kernels have others. */
export function kernel(machine: Machine): Finding[] {
  const release = machine.text("/proc/sys/kernel/osrelease") ?? "unknown";
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  if (major === undefined || minor === undefined)
    return [found("warning", "kernel.version", `the kernel's version ${JSON.stringify(release)} cannot be read`)];
  const missing = NEEDS.filter(({ version }) => Number(major) < version[0] || (Number(major) === version[0] && Number(minor) < version[1]));
  if (missing.length === 0) return [ok("kernel.version", `Linux ${release} has every interface that is used`)];
  const lacks = missing.map((need) => `${need.for} (${need.version.join(".")})`).join(" and ");
  const mend = "install a newer kernel, or use the vendor's kernel of the TDX image";
  return [found("info", "kernel.version", `Linux ${release} is older than ${lacks}; vendor kernels may have other ways`, mend)];
}
