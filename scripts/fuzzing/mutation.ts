import type { Random } from "./random.ts";

const WORDS =
  '{ } [ ] ( ) , ; : . := = == != < <= > >= + - * / % | & _ if in not some every with as else default contains import package true false null set() input data x 0 1e9 -1 "a" `b` $"{x}" # \n \t \u0000 \u2028 é 😀 \ud800 __proto__ constructor'.split(
    " ",
  );
const PIECES = /[A-Za-z_][A-Za-z0-9_]*|"(?:[^"\\\n]|\\.)*"|[0-9.]+|\s+|[\s\S]/g;

/** Changes a text in a few places: words taken out, doubled, swapped, put in, or a piece of another text in the middle. */
export function mutated(text: string, other: () => string, random: Random): string {
  const pieces = text.match(PIECES) ?? [];
  const changes = 1 + random.below(4);
  for (let i = 0; i < changes && pieces.length > 0; i++) {
    const at = random.below(pieces.length);
    switch (random.below(8)) {
      case 0:
        pieces.splice(at, 1 + random.below(4));
        break;
      case 1:
        pieces.splice(at, 0, pieces[at]!);
        break;
      case 2: {
        const to = random.below(pieces.length);
        [pieces[at], pieces[to]] = [pieces[to]!, pieces[at]!];
        break;
      }
      case 3:
        pieces[at] = random.of(WORDS);
        break;
      case 4:
        pieces.splice(at, 0, random.of(WORDS).repeat(1 + (random.chance(20) ? random.below(600) : random.below(3))));
        break;
      case 5:
        pieces.length = at;
        break;
      case 6: {
        const foreign = other().match(PIECES) ?? [];
        const start = random.below(foreign.length + 1);
        pieces.splice(at, random.below(10), ...foreign.slice(start, start + random.below(40)));
        break;
      }
      default: {
        const piece = pieces[at]!;
        const unit = random.below(piece.length);
        pieces[at] =
          `${piece.slice(0, unit)}${String.fromCharCode(piece.charCodeAt(unit) ^ (1 << random.below(8)))}${piece.slice(unit + 1)}`;
      }
    }
  }
  return pieces.join("");
}
