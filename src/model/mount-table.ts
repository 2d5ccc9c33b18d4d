/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface MountRow {
  /** `major:minor`, which also names the entry of /sys/class/bdi */
  readonly device: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly source: string;
}

/** Reads the table of mounts, in the order of mounting: where several lie on one path, the last is the one that is seen. */
export function parseMountTable(mountinfo: string): MountRow[] {
  const rows: MountRow[] = [];
  for (const line of mountinfo.split("\n")) {
    const [left, right] = line.split(" - ", 2);
    const [, , device, , mountpoint] = (left ?? "").split(" ");
    const [type, source] = (right ?? "").split(" ");
    if (device === undefined || mountpoint === undefined || type === undefined || source === undefined) continue;
    rows.push({ device, mountpoint: unescaped(mountpoint), type, source: unescaped(source) });
  }
  return rows;
}

/** The mount that is seen at exactly this path. */
export function mountAt(rows: readonly MountRow[], mountpoint: string): MountRow | undefined {
  return rows.findLast((row) => row.mountpoint === mountpoint);
}

/** The kernel writes blank, tab, newline and backslash as three octal digits, byte by byte of the UTF-8 around them. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
