import type { CatalogueEntry } from "./entry.ts";
import { quoteErrors } from "./quote-reasons.ts";

/** Why TDX evidence is refused, and what can be wrong around it. */
export const tdxErrors = {
  ...quoteErrors("tdx"),
  "tdx.evidence-malformed": {
    exit: 3,
    cause: "The evidence is not the JSON object that a TDX attester sends.",
    remedy: "Check the agent's version.",
  },
  "tdx.collateral-malformed": {
    exit: 2,
    cause: "The file of collateral is not a JSON object with the members that it needs.",
    remedy: "Write it again with the tool that made it, for example `cai collateral fetch`.",
  },
  "tdx.collateral-rolled-back": {
    exit: 3,
    cause: "The collateral is older than what was seen before: an outdated or revoked platform could look current by it.",
    remedy: "Get fresh collateral; find out who serves the old one.",
  },
  "tdx.collateral-unavailable": {
    exit: 4,
    cause: "No source of collateral gave a set for this platform; another attempt may succeed.",
    remedy: "The message names every source and what was wrong there. Mend one, name another, or bring a file of collateral.",
  },
  "tdx.collateral-unknown": {
    exit: 3,
    cause: "The sources of collateral answered that they have none for this kind of platform.",
    remedy: "Check the FMSPC, and that the source knows this kind of machine.",
  },
  "tdx.anchor-refused": {
    exit: 2,
    cause: "A certificate cannot serve as a trust anchor: production roots are compiled in, and a simulated root says so in its name.",
    remedy: "Name the root certificate of a simulated platform, and mark it as simulated.",
  },
  "tdx.report-data-length": {
    exit: 2,
    cause: "Report data for a quote has 64 bytes.",
    remedy: "Hash longer data; fill shorter data with zeros at the end.",
  },
  "tdx.extension-invalid": {
    exit: 2,
    cause: "A register of a simulated TD cannot be extended so: RTMR2 and RTMR3 can, by 48 bytes, while the machine's event log has room.",
    remedy: "Extend RTMR3 by a SHA-384 digest; make a machine of an older version again with `cai sim tdx init`.",
  },
  "tdx.simulated-state-busy": {
    exit: 1,
    cause: "Another process keeps the state of a simulated TD locked.",
    remedy: "Find the process that hangs while it changes the machine.",
  },
  "tdx.simulated-state-invalid": {
    exit: 2,
    cause: "The state file of a simulated TD cannot be used: its content, or permissions that let others read it.",
    remedy: "Create it again with `cai sim tdx`, and keep its mode 0600.",
  },
} as const satisfies Record<string, CatalogueEntry>;
