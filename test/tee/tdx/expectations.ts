import { expect } from "bun:test";
import { changed, haveVectors, vector, vectorText } from "./testing.ts";

export interface Case {
  readonly name: string;
  readonly quote: string;
  readonly collateral: string;
  readonly unix: number;
}
interface Expectations {
  readonly positives: readonly (Case & {
    expect: { verdict: string; reason?: string };
    intel_info: IntelInfo | null;
    npm_dcap_qvl_0_3_9: string;
  })[];
  readonly negativesBase: Case;
  readonly negatives: readonly { name: string; edit: string; expect: string; npm_dcap_qvl_0_3_9: string }[];
  readonly simulated: { trustAnchor: string; cases: readonly (Case & { expect: string; npm_dcap_qvl_0_3_9: string })[] };
}
interface IntelInfo {
  readonly launchTcbDate: string;
  readonly currentTcbDate: string;
  readonly launchAdvisories: readonly string[];
  readonly currentAdvisories: readonly string[];
  readonly launchStatus: string;
  readonly currentStatus: string;
}

/** What is verified in one case; an edit changes it before it is. */
export interface Attempt {
  quote: Uint8Array;
  bundle: Record<string, string>;
  now: number;
}

export const load = ({ quote, collateral, unix }: Case): Attempt => ({
  quote: vector(quote),
  bundle: JSON.parse(vectorText(collateral)) as Record<string, string>,
  now: unix,
});

/** The first word of a verdict, for example `UpToDate` of `UpToDate with td_attributes.debug=true; …`. */
export const firstWord = (verdict: string): string => verdict.split(/[ ;:(]/)[0]!;

/** What the vectors expect; undefined where there are none. */
export const expectations = haveVectors ? (JSON.parse(vectorText("expect.json")) as Expectations) : undefined;

/** Every kind of edit that the vectors describe in words, as what it does. */
const edits: readonly [RegExp, (attempt: Attempt, match: RegExpExecArray) => Attempt[]][] = [
  [
    /^(xor|or) byte (\d+) with (\d+)$/,
    (a, [, kind, at, by]) =>
      edited(a, (q) => q.set([kind === "or" ? q[Number(at)]! | Number(by) : q[Number(at)]! ^ Number(by)], Number(at))),
  ],
  [/^byte (\d+) := (\d+)$/, (a, [, at, value]) => edited(a, (q) => q.set([Number(value)], Number(at)))],
  [/^u32 LE at (\d+) := 0xffffffff$/, (a, [, at]) => edited(a, (q) => q.fill(0xff, Number(at), Number(at) + 4))],
  [/^last byte := 0xff$/, (a) => edited(a, (q) => q.set([0xff], q.length - 1))],
  [
    /^keep the first (\d+) \/ (\d+) bytes$/,
    (a, [, one, two]) => [Number(one), Number(two)].map((size) => ({ ...a, quote: a.quote.subarray(0, size) })),
  ],
  [
    /^(\d+) bytes after the first PEM begin marker: A<->B$/,
    (a, [, after]) =>
      edited(a, (q) => {
        const marker = "-----BEGIN CERTIFICATE-----";
        let at = Buffer.from(q).indexOf(marker) + marker.length + Number(after);
        while (q[at] !== 0x41 && q[at] !== 0x42) at++;
        q[at] = q[at] === 0x41 ? 0x42 : 0x41;
      }),
  ],
  [
    /^replace the first "(\w+)" by "(\w+)" in (\w+)$/,
    (a, [, from, to, member]) => rewritten(a, member!, (text) => text.replace(from!, to!)),
  ],
  [/^first byte of (\w+) := 00$/, (a, [, member]) => rewritten(a, member!, (text) => `00${text.slice(2)}`)],
  [/^re-indent (\w+)$/, (a, [, member]) => rewritten(a, member!, (text) => JSON.stringify(JSON.parse(text), null, 2))],
  [/^isvprodid 2 -> 3$/, (a) => rewritten(a, "qe_identity", (text) => text.replace('"isvprodid":2', '"isvprodid":3'))],
  [/^verify at ([+-]\d+) days$/, (a, [, days]) => [{ ...a, now: a.now + Number(days) * 86_400 }]],
  [
    /^verify exactly at tcbInfo.nextUpdate$/,
    (a) => [{ ...a, now: Date.parse((JSON.parse(a.bundle["tcb_info"]!) as { nextUpdate: string }).nextUpdate) / 1000 }],
  ],
  [
    /^(\w+)( \+ signature)? from ([\w-]+)(?: \(.*\))?$/,
    (a, [, member, withSignature, from]) => {
      const other = JSON.parse(vectorText(`collateral/${from}.json`)) as Record<string, string>;
      const members = [member!, ...(withSignature ? [`${member}_signature`] : [])];
      return [{ ...a, bundle: { ...a.bundle, ...Object.fromEntries(members.map((name) => [name, other[name]!])) } }];
    },
  ],
  [
    /^change the last byte of (\w+)$/,
    (a, [, member]) => rewritten(a, member!, (hex) => hex.slice(0, -2) + (hex.endsWith("00") ? "01" : "00")),
  ],
  [/^(\w+) := (00)$/, (a, [, member, value]) => rewritten(a, member!, () => value!)],
  [/^swap (\w+) and (\w+)$/, (a, [, one, two]) => [{ ...a, bundle: { ...a.bundle, [one!]: a.bundle[two!]!, [two!]: a.bundle[one!]! } }]],
];

function edited(attempt: Attempt, change: (quote: Uint8Array) => unknown): Attempt[] {
  const quote = changed(attempt.quote, change);
  expect(quote).not.toEqual(Uint8Array.from(attempt.quote));
  return [{ ...attempt, quote }];
}

function rewritten(attempt: Attempt, member: string, change: (text: string) => string): Attempt[] {
  const before = attempt.bundle[member]!;
  const after = change(before);
  expect(after).not.toBe(before);
  return [{ ...attempt, bundle: { ...attempt.bundle, [member]: after } }];
}

/** The attempts that an edit in words describes: one, or one for each of its alternatives. */
export function attemptsOf(edit: string): Attempt[] {
  const found = edits.flatMap(([form, apply]) => {
    const match = form.exec(edit);
    return match ? [{ apply, match }] : [];
  });
  expect(found.length).toBe(1);
  return found[0]!.apply(load(expectations!.negativesBase), found[0]!.match);
}
