/** Control characters, the two line separators, and the marks that change the direction of what follows. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text for a terminal: characters with which whoever wrote it could move the cursor, hide or turn a line, or make another, become blanks.
 *
 * @param lines  true where the text may have several lines
 */
export function printable(text: string, lines = false): string {
  return text.replace(UNPRINTABLE, (character) => (lines && character === "\n" ? character : " "));
}
