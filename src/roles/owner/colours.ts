/** Words in colour, where the reader is a person at a terminal. */
export interface Colours {
  good(text: string): string;
  bad(text: string): string;
  warning(text: string): string;
  faint(text: string): string;
}

const CODES = { good: 32, bad: 31, warning: 33, faint: 2 } as const;

/**
 * @param stream       where the text goes: anything but a terminal gets it plain
 * @param environment  `NO_COLOR`, set to anything but nothing, means plain
 */
export function coloursFor(stream: { readonly isTTY?: boolean }, environment: Readonly<Record<string, string | undefined>>): Colours {
  const plain = stream.isTTY !== true || (environment["NO_COLOR"] ?? "") !== "";
  const paint = (code: number) => (text: string) => (plain ? text : `\x1b[${code}m${text}\x1b[0m`);
  return { good: paint(CODES.good), bad: paint(CODES.bad), warning: paint(CODES.warning), faint: paint(CODES.faint) };
}
