import type { AssuranceLevel } from "../../../policy/index.ts";
import { type JsonObject, type JsonValue, printable } from "../../../system/index.ts";
import { eventLogRows, parseEventLog, REGISTER_INDEXES, SHA384 } from "../../../tee/eventlog/index.ts";
import { type Check, rfc3339 } from "../../../tee/tdx/index.ts";
import type { Colours } from "../colours.ts";
import { formatSections, memberRows, type Section, valueText } from "../report.ts";
import type { Judgement } from "./judgement.ts";
import { factsOf } from "./judgement-json.ts";
import type { ReferenceDiff } from "./reference-diff.ts";

/** What a level means, in one line (security.md §1.4). */
export const LEVELS: Readonly<Record<AssuranceLevel, string>> = {
  L0: "genuine, current hardware; any software may run on it, so this protects nothing from the host",
  L1: "firmware, kernel, initrd and command line are the expected ones; the root file system may be another",
  L2: "the root file system is the expected one, too; its configuration may be another",
  L3: "the configuration is the expected one, too, and nobody can log in from afar",
};

/** Claims that say what runs, in the order of the report. */
const MEASUREMENT_PLACES: readonly (readonly string[])[] = [["quote", "body"], ["body"]];

/** A judgement for a person: certificates, dates, levels, measurements, every check, and the verdict last. */
export function judgementText(judgement: Judgement, colours: Colours): string {
  const { now, input, checks, references } = judgement;
  const sections: Section[] = [
    {
      title: "Evidence",
      rows: [...evidenceRows(judgement), ["judged at", rfc3339(now)], ["given as", input?.form ?? "a form that is not known"]],
    },
    ...certificateSections(checks),
    { title: "Revocation lists and signed documents", rows: documentRows(checks) },
    ...levelSections(checks),
    { title: "Measurements", rows: measurementRows(judgement) },
    ...eventLogSections(judgement),
    ...(references === undefined ? [] : referenceSections(references)),
    { title: "Checks", rows: checks.map(checkRow) },
  ];
  return `${formatSections(sections)}\n\n${verdictText(judgement, colours)}`;
}

function evidenceRows({ input, checks, claims }: Judgement): string[][] {
  const format = checks.find(({ id }) => id.endsWith(".quote-format"));
  const platform = factsOf(checks, "pck-chain");
  const rows =
    input === undefined ? [] : [["quote", `${format?.ok === true ? format.got : "not readable"}, ${input.evidence.quote.length} bytes`]];
  for (const [label, member] of [
    ["FMSPC", "fmspc"],
    ["PPID", "ppid"],
    ["SGX type", "sgx_type"],
  ] as const) {
    if (platform[member] !== undefined) rows.push([label, valueText(platform[member])]);
  }
  if (claims !== undefined) rows.push(["root key", claims.trustAnchor ?? "none"]);
  return rows;
}

function certificateSections(checks: readonly Check[]): Section[] {
  const parts = [
    ["Certificates of the machine", "pck-chain"],
    ["Certificates of the TCB info's signer", "tcb-info"],
    ["Certificates of the QE identity's signer", "qe-identity"],
  ] as const;
  return parts.map(([title, step]) => {
    const certificates = objectsIn(factsOf(checks, step), "certificates");
    const rows = certificates.map((each) => [
      text(each, "subject"),
      `serial ${text(each, "serial")}`,
      `${text(each, "not_before")} to ${text(each, "not_after")}`,
    ]);
    return { title, rows };
  });
}

function documentRows(checks: readonly Check[]): string[][] {
  const rows = checks
    .filter(({ id, got }) => /\.(?:root-ca-crl|pck-crl|tcb-info|qe-identity)$/.test(id) && got !== undefined)
    .map(({ id, got, ok }) => [id.slice(id.indexOf(".") + 1), ok ? got! : `${got} (refused)`]);
  const validity = checks.find(({ id }) => id.endsWith(".validity"));
  return validity?.got === undefined ? rows : [...rows, ["all together", validity.got]];
}

/** The levels, component by component: those that are zero on both sides say nothing and are counted only. */
function levelSections(checks: readonly Check[]): Section[] {
  return checks
    .filter(({ id, facts }) => /\.tcb-(?:platform|module|qe)(?:-current)?$/.test(id) && facts !== undefined)
    .map(({ id, what, facts }): Section => {
      const components = objectsIn(facts!, "components");
      const shown = components.filter((each) => each["have"] !== 0 || each["need"] !== 0);
      const level = `level ${text(facts!, "level")} of ${text(facts!, "levels")}: ${text(facts!, "status")}, ${text(facts!, "date").slice(0, 10)}`;
      const found = facts!["matched"] === true ? level : `NONE MATCHES; beside the lowest, ${level}`;
      const missed = facts!["short_of"] as JsonObject | undefined;
      const own = facts!["have"] === undefined ? [] : [{ component: "ISVSVN", have: facts!["have"], need: facts!["need"]!, ok: true }];
      const rows = [...shown, ...own].map((each) => componentRow(each));
      const hidden = components.length - shown.length;
      return {
        title: `${what} (${id.slice(id.indexOf(".") + 1)})`,
        before: [found, ...advisoryLines(facts!)],
        rows: rows.length === 0 ? [] : [["component", "has", "needs", "", "name"], ...rows],
        after: [
          ...(hidden > 0 ? [`${hidden} more have 0 and need 0`] : []),
          ...(missed === undefined ? [] : [shortLine(missed)]),
          ...(facts!["newest"] === undefined ? [] : [`the newest level needs ${text(facts!, "newest")}`]),
        ],
      };
    });
}

function advisoryLines(facts: JsonObject): string[] {
  const advisories = (facts["advisories"] ?? []) as readonly JsonValue[];
  return advisories.length === 0 ? [] : [`advisories: ${advisories.map(valueText).join(", ")}`];
}

function componentRow(each: JsonObject): string[] {
  const judged = each["counts"] === false ? "judged by the module's identity" : each["ok"] === true ? "ok" : "TOO LOW";
  return [text(each, "component"), text(each, "have"), text(each, "need"), judged, text(each, "name")];
}

function shortLine(missed: JsonObject): string {
  const short = objectsIn(missed, "components").map((each) => `${text(each, "component")} ${text(each, "have")} of ${text(each, "need")}`);
  return `short of ${text(missed, "status")}, ${text(missed, "date").slice(0, 10)}: ${short.join(", ")}`;
}

function measurementRows({ claims }: Judgement): string[][] {
  if (claims === undefined) return [];
  const bodies = MEASUREMENT_PLACES.map((place) =>
    place.reduce<JsonValue | undefined>((of, name) => (of as JsonObject | undefined)?.[name], claims.members),
  );
  const body = bodies.find((found) => found !== undefined) as JsonObject;
  // Fields that enclaves rarely use are in the JSON.
  const rows = memberRows(body).filter(([name]) => !/^reserved/.test(name!));
  return [...rows, ...memberRows({ td_attributes: claims.members["td_attributes"] ?? {} })];
}

/** The log in short; `cai inspect` shows it record by record. */
function eventLogSections({ claims, input }: Judgement): Section[] {
  const bytes = input?.evidence.eventLog;
  const measured = claims?.members["measured"] as JsonObject | undefined;
  if (bytes === undefined || measured === undefined) return [];
  const rows = eventLogRows(parseEventLog(bytes), SHA384);
  const registers = REGISTER_INDEXES.map((index) => {
    const own = rows.filter(({ register, data }) => register === index && data !== "not measured");
    const proved = own.filter(({ data }) => data === "proved").length;
    return [`RTMR${index - 1}`, `${own.length} events`, `${proved} with data that their digest proves`];
  });
  const secureBoot = measured["secure_boot"];
  const runtime = measured["runtime_events"];
  return [
    {
      title: "Event log, which leads to the registers",
      rows: registers,
      after: [
        `secure boot: ${secureBoot === undefined ? "not told" : secureBoot === true ? "on" : "off"}`,
        ...(Array.isArray(runtime)
          ? runtime.map(
              (event) =>
                `runtime event: ${Object.values(event as JsonObject)
                  .map(valueText)
                  .join(" ")}`,
            )
          : []),
      ],
    },
  ];
}

function referenceSections({ equal, differ, missing, unproved, notCompared }: ReferenceDiff): Section[] {
  return [
    {
      title: "Reference values",
      rows: [
        ...equal.map(({ name, labelled }) => ["equal", name, labelled ? "by what the log calls it" : ""]),
        ...differ.flatMap(({ name, measured, allowed }) => [
          ["DIFFERS", name, `measured ${valueText(measured ?? null)}`],
          ["", "", `allowed  ${valueText(allowed)}`],
        ]),
        ...missing.map(({ name }) => ["MISSING", name, "the evidence has no such claim"]),
        ...unproved.map(({ name }) => [
          "UNPROVED",
          name,
          "only the log calls it so: tdx.mr_td and tdx.rtmr_0 to rtmr_2 must be equal beside it",
        ]),
        ...notCompared.map(({ name, measured }) => [
          "not compared",
          name,
          measured === undefined ? "of another platform" : `measured ${valueText(measured)}`,
        ]),
      ],
    },
  ];
}

function checkRow({ id, what, ok, reached, got, expected, error }: Check): string[] {
  if (reached === false) return ["-", id, `${what} (not reached)`];
  if (!ok && expected === undefined && got === undefined) return ["FAILED", id, `${what}: ${error}`];
  if (!ok) return ["FAILED", id, `${what}: expected ${expected ?? "what the manufacturer signed"}, got ${got ?? "something else"}`];
  return ["ok", id, got === undefined ? what : `${what}: ${got}`];
}

function verdictText({ error, claims, level, checks, appraisal }: Judgement, colours: Colours): string {
  const standing = factsOf(checks, "tcb-status");
  const status = claims?.members["tcb_status"] ?? standing["status"] ?? "not established";
  const current = claims?.members["tcb_status_current"] ?? standing["status_current"] ?? status;
  const simulated = claims?.simulated ?? factsOf(checks, "pck-chain")["simulated"];
  const advisories = (claims?.members["advisory_ids"] ?? []) as readonly string[];
  const lines = [
    `TCB status:  ${valueText(status)}${current === status ? "" : `, ${valueText(current)} after a relaunch`}${advisories.length === 0 ? "" : ` (${printable(advisories.join(", "))})`}`,
    ...(appraisal === undefined ? [] : [`policy:      ${printable(appraisal.policyId)}: ${appraisal.status}`]),
    error === undefined && level !== undefined
      ? `assurance:   ${level}: ${LEVELS[level]}`
      : "assurance:   none, since the evidence is rejected",
    ...(simulated === true ? ["platform:    SIMULATED: this proves nothing about any hardware"] : []),
  ];
  const verdict = error === undefined ? colours.good("ACCEPTED") : colours.bad(`REJECTED: ${error.id}: ${printable(error.message)}`);
  return [...lines, `verdict:     ${verdict}`].join("\n");
}

function objectsIn(facts: JsonObject, name: string): readonly JsonObject[] {
  const list = facts[name];
  return Array.isArray(list) ? (list as readonly JsonObject[]) : [];
}

const text = (facts: JsonObject, name: string): string => (facts[name] === undefined ? "" : valueText(facts[name]));
