/** Control characters, separators of lines and paragraphs, half characters, and everything that is not seen: marks of direction, joiners, tags. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Text for a terminal: characters with which whoever wrote it could move the cursor, hide or turn a line, or make another, become blanks.
 *
 * @param lines  true where the text may have several lines
 */
export function printable(text: string, lines = false): string {
  return text.replace(UNPRINTABLE, (character) => (lines && character === "\n" ? character : " "));
}
