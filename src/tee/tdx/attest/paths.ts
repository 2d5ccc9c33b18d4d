/** Where a TDX guest finds what its kernel and its image provide (tdx.md §3, §4.1). */
export interface TdxPaths {
  /** configfs-tsm: entries are made below it */
  readonly configfsRoot: string;
  /** the guest device by the names of mainline and of vendor kernels; the first that is there is used */
  readonly devicePaths: readonly string[];
  /** registers as files (Linux 6.16 and later) */
  readonly sysfsMeasurements: string;
  /** the ACPI table that announces the boot event log */
  readonly ccelTable: string;
  readonly ccelData: string;
  /** names the vsock port of the host's quote generation service */
  readonly qgsConfig: string;
  /** the agent's own event log of this boot */
  readonly runtimeLog: string;
}

const PATHS: TdxPaths = {
  configfsRoot: "/sys/kernel/config/tsm/report",
  devicePaths: ["/dev/tdx_guest", "/dev/tdx-guest", "/dev/tdx-attest"],
  sysfsMeasurements: "/sys/devices/virtual/misc/tdx_guest/measurements",
  ccelTable: "/sys/firmware/acpi/tables/CCEL",
  ccelData: "/sys/firmware/acpi/tables/data/CCEL",
  qgsConfig: "/etc/tdx-attest.conf",
  runtimeLog: "/run/attestation-agent/eventlog",
};

/** The usual paths. @param root  the folder that they lie in, for containers that see the machine's own below another one; default `/` */
export function tdxPaths(root = "/"): TdxPaths {
  const prefix = root.replace(/\/+$/, "");
  const below = (path: string) => `${prefix}${path}`;
  return {
    configfsRoot: below(PATHS.configfsRoot),
    devicePaths: PATHS.devicePaths.map(below),
    sysfsMeasurements: below(PATHS.sysfsMeasurements),
    ccelTable: below(PATHS.ccelTable),
    ccelData: below(PATHS.ccelData),
    qgsConfig: below(PATHS.qgsConfig),
    runtimeLog: below(PATHS.runtimeLog),
  };
}
