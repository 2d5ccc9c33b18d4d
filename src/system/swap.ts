/**
 * The swap that could carry memory to a disk: every active area but compressed memory (zram), which stays in RAM (security.md I30).
 *
 * @param procSwaps  the text of /proc/swaps (proc(5)): a heading, then one area a line with its name first
 * @returns the names of the areas, blanks and backslashes in them as the kernel escapes them
 */
export function activeSwap(procSwaps: string): string[] {
  return procSwaps
    .split("\n")
    .slice(1)
    .map((line) => line.split(/[\t ]+/)[0] ?? "")
    .filter((name) => name !== "" && !/^\/dev\/zram\d+$/.test(name));
}
