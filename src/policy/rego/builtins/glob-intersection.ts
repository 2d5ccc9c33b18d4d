import type { Run } from "../run.ts";
import { BuiltinFailure } from "./builtin.ts";

/** One place of a pattern: the characters it takes, and whether it may be left out or repeated. */
interface Place {
  readonly negated: boolean;
  readonly ranges: readonly (readonly [number, number])[];
  readonly optional: boolean;
  readonly repeated: boolean;
}

const MAXIMUM_PLACES = 1000;

/** Parses a pattern of characters, `.`, `[…]`, `*`, `+` and escapes. */
function placesOf(pattern: string): Place[] {
  const points = [...pattern];
  const places: Place[] = [];
  for (let i = 0; i < points.length; i++) {
    let negated = false;
    let ranges: [number, number][] = [];
    const literal = (point: string): [number, number] => [point.codePointAt(0)!, point.codePointAt(0)!];
    const escaped = () => {
      if (i + 1 >= points.length) throw new BuiltinFailure("expected a character after \\");
      return points[++i]!;
    };
    const point = points[i]!;
    if (point === "*" || point === "+") throw new BuiltinFailure(`expected a character before ${point}`);
    if (point === "\\") ranges = [literal(escaped())];
    else if (point === ".") negated = true;
    else if (point === "[") {
      negated = points[i + 1] === "^";
      if (negated) i++;
      for (i++; points[i] !== "]"; i++) {
        if (points[i] === undefined) throw new BuiltinFailure("expected ]");
        const [from] = literal(points[i] === "\\" ? escaped() : points[i]!);
        let to = from;
        if (points[i + 1] === "-" && points[i + 2] !== undefined && points[i + 2] !== "]") {
          i += 2;
          [to] = literal(points[i] === "\\" ? escaped() : points[i]!);
        }
        if (to < from) throw new BuiltinFailure("a range of characters ends before it starts");
        ranges.push([from, to]);
      }
    } else ranges = [literal(point)];
    const after = points[i + 1];
    if (after === "*" || after === "+") i++;
    places.push({ negated, ranges, optional: after === "*", repeated: after === "*" || after === "+" });
    if (places.length > MAXIMUM_PLACES) throw new BuiltinFailure(`expected a pattern of at most ${MAXIMUM_PLACES} characters`);
  }
  return places;
}

const takes = ({ negated, ranges }: Place, point: number) => ranges.some(([from, to]) => from <= point && point <= to) !== negated;

/** True where some character is taken by both. */
function overlap(a: Place, b: Place): boolean {
  // Ranges begin and end somewhere: if two sets meet at all, they meet at such a place or right beside it.
  const candidates = [0, 0x10ffff, ...[...a.ranges, ...b.ranges].flatMap(([from, to]) => [from - 1, from, to, to + 1])];
  return candidates.some((point) => point >= 0 && point <= 0x10ffff && takes(a, point) && takes(b, point));
}

/**
 * True where some text other than the empty one, or the empty one for two empty patterns, matches both patterns.
 *
 * @throws BuiltinFailure where a pattern is none
 */
export function intersect(left: string, right: string, run: Run): boolean {
  const [a, b] = [placesOf(left), placesOf(right)];
  const seen = new Set<number>();
  const waiting: [number, number][] = [[0, 0]];
  // A state is how far each pattern has come; a repeated place is left only after it took something or where it is optional.
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    const [i, j] = state;
    const key = i * (b.length + 1) + j;
    if (seen.has(key)) continue;
    seen.add(key);
    run.tick();
    if (i === a.length && j === b.length) return true;
    const [x, y] = [a[i], b[j]];
    if (x?.optional) waiting.push([i + 1, j]);
    if (y?.optional) waiting.push([i, j + 1]);
    if (x === undefined || y === undefined || !overlap(x, y)) continue;
    for (const p of x.repeated ? [i, i + 1] : [i + 1]) for (const q of y.repeated ? [j, j + 1] : [j + 1]) waiting.push([p, q]);
  }
  return false;
}
