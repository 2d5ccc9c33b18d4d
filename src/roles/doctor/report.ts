import { type JsonObject, printable } from "../../system/index.ts";
import type { Diagnosis } from "./diagnosis.ts";
import type { Finding, Severity } from "./finding.ts";
import type { Assurance } from "./level.ts";

const LEVELS = {
  none: "no level: a verdict about this machine would prove nothing",
  L0: "at most L0 (hardware): that a genuine TEE runs some software; this protects nothing from its host",
  L1: "at most L1 (boot): firmware, kernel, initrd and command line, once a verifier has compared them with reference values",
  L2: "at most L2 (system): L1, and the root file system with it",
  L3: "at most L3 (closed): L2, with measured configuration and no remote administration that was found",
} as const;

const MARKS: Readonly<Record<Severity, string>> = { ok: "ok      ", info: "note    ", warning: "warning ", problem: "PROBLEM " };

/** The diagnosis for people. */
export function diagnosisText({ findings, assurance }: Diagnosis): string {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  const plural = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
  const sum = `${plural(count("problem"), "problem")}, ${plural(count("warning"), "warning")}`;
  return [...findings.flatMap(findingLines), "", ...assuranceLines(assurance), "", sum].join("\n");
}

function findingLines({ id, severity, message, mend }: Finding): string[] {
  const first = `${MARKS[severity]} ${printable(message)} [${id}]`;
  return mend === undefined || severity === "ok" ? [first] : [first, `          mend: ${printable(mend)}`];
}

function assuranceLines({ level, lacks }: Assurance): string[] {
  const next = level === "none" ? "because" : "not more, because";
  return [`Assurance: ${LEVELS[level]}.`, ...lacks.map((lack) => `  ${next} ${printable(lack)}`)];
}

/** The diagnosis for programs. */
export function diagnosisJson({ findings, assurance, failed }: Diagnosis): JsonObject {
  return {
    assurance: { reachable: assurance.level, lacks: assurance.lacks },
    findings: findings.map((finding): JsonObject => ({ ...finding })),
    failed_checks: failed,
  };
}
