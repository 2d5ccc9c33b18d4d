/** The command that starts this very program again: the executable itself, or the runtime with the entry file of a source tree. */
export function selfCommand(): string[] {
  return import.meta.url.includes("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];
}
