/**
 * Text for a terminal: control characters, with which whoever wrote it could move the cursor, hide a line or make another, become blanks.
 *
 * @param lines  true where the text may have several lines
 */
export function printable(text: string, lines = false): string {
  return text.replace(/\p{Cc}/gu, (character) => (lines && character === "\n" ? character : " "));
}
