import { catalogue } from "../../src/system/index.ts";

const EXITS = { 1: "failed", 2: "usage or configuration", 3: "rejected", 4: "unreachable" } as const;

/** The reference page of errors: every id with its exit status, cause and remedy, in the order of the alphabet. */
export function errorsPage(): string {
  const groups = Map.groupBy(
    Object.entries(catalogue).sort(([a], [b]) => (a < b ? -1 : 1)),
    ([id]) => id.split(".")[0]!,
  );
  const sections = [...groups].map(([prefix, entries]) => {
    const rows = entries.map(
      ([id, { exit, cause, remedy }]) => `| \`${id}\` | ${exit} ${EXITS[exit]} | ${cell(cause)} | ${cell(remedy)} |`,
    );
    return `## ${prefix}\n\n| id | exit status | cause | remedy |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
  });
  return `# Errors\n\nAn id is the same on the terminal, with \`--json\`, in logs and on the wire, and it stays. \`scripts/reference\` writes this page.\n\n${sections.join("\n")}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (import.meta.main) process.stdout.write(errorsPage());
