import type { CatalogueEntry } from "./entry.ts";

const QUOTE_PATH = "Run `cai doctor`: it tries every way to a quote and says what each lacks.";

/** What can go wrong where a TDX machine gets evidence of itself. */
export const tdxAttestErrors = {
  "tdx.quote-unavailable": {
    exit: 1,
    cause: "No way to a quote works on this machine; the message says what was tried.",
    remedy: QUOTE_PATH,
  },
  "tdx.quote-busy": {
    exit: 1,
    cause: "The machine is still busy with an earlier quote.",
    remedy: "Try again in a minute; if it stays, the host's quote generation service hangs.",
  },
  "tdx.quote-timeout": {
    exit: 4,
    cause: "The host's quote generation service did not answer in time.",
    remedy: "Ask the host's operator to look at its quote generation service, and try again.",
  },
  "tdx.quote-raced": {
    exit: 1,
    cause: "Another process wrote into the entry that a quote was being asked in, again and again.",
    remedy: "Find out which process works in other processes' entries of configfs-tsm.",
  },
  "tdx.quote-implausible": {
    exit: 1,
    cause: "What the machine gave is no TDX quote of its own over the report data that was asked for.",
    remedy: QUOTE_PATH,
  },
  "tdx.configfs-unusable": {
    exit: 1,
    cause: "The kernel's configfs-tsm interface is not there, not for TDX, or not open to this user.",
    remedy: "Linux 6.7 or later: modprobe tdx_guest; mount -t configfs none /sys/kernel/config; run as root.",
  },
  "tdx.device-unusable": {
    exit: 1,
    cause: "The TDX guest device is not there, not open to this user, or does not do what was asked.",
    remedy: "Load the driver (modprobe tdx_guest), give the container /dev/tdx_guest, and run as root.",
  },
  "tdx.tdreport-malformed": {
    exit: 1,
    cause: "The TDX guest device gave something else than a TDREPORT over the report data that was asked for.",
    remedy: "Check that --tdx-device names the TDX guest device.",
  },
  "tdx.qgs-unreachable": {
    exit: 4,
    cause: "The host's quote generation service cannot be reached.",
    remedy: "Check the port in /etc/tdx-attest.conf, and that the virtual machine has a vsock device.",
  },
  "tdx.qgs-malformed": {
    exit: 1,
    cause: "The quote generation service answered something that is no message of its protocol.",
    remedy: "Check that the configured port is the service's.",
  },
  "tdx.qgs-refused": {
    exit: 1,
    cause: "The quote generation service gave an error instead of a quote.",
    remedy: "The host's operator finds the code in the service's log.",
  },
  "tdx.rtmr-unavailable": {
    exit: 1,
    cause: "This kernel gives no access to the measurement registers.",
    remedy: "Use Linux 6.16 or later, or a vendor kernel whose TDX guest device extends registers.",
  },
  "tdx.rtmr-refused": {
    exit: 1,
    cause: "The kernel did not let this process read or extend the measurement register.",
    remedy: "Run as root; registers 0 and 1 belong to firmware and boot loader.",
  },
  "tdx.rtmr-register": {
    exit: 2,
    cause: "The register is not one that the agent extends.",
    remedy: "Use register 3, or 2 where the image leaves it to run time.",
  },
  "tdx.rtmr-digest-length": { exit: 2, cause: "A digest for a measurement register has 48 bytes.", remedy: "Hash the event with SHA-384." },
  "tdx.ccel-unreadable": {
    exit: 1,
    cause: "An event log of this machine, or the ACPI table that announces it, cannot be read.",
    remedy: "Run as root, with /sys/firmware visible; evidence without its log would not be taken.",
  },
  "tdx.ccel-malformed": {
    exit: 1,
    cause: "The boot event log of this machine, or the ACPI table that announces it, is not of the form that firmware writes.",
    remedy: "Report it with the firmware's version; without the log, only register values can be compared.",
  },
} as const satisfies Record<string, CatalogueEntry>;
