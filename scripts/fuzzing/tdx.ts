import { createHash } from "node:crypto";
import { CaiError, type JsonObject } from "../../src/system/index.ts";
import { parseBundle, VerificationCache, verifyEvidence } from "../../src/tee/tdx/index.ts";
import { mutatedBytes } from "./byte-mutation.ts";
import { mutatedDer } from "./der-mutation.ts";
import { mutated } from "./mutation.ts";
import { bundleEssence, quoteEssence, signatureTwin } from "./quote-essence.ts";
import { Random } from "./random.ts";
import { FuzzFinding, type FuzzReport, type FuzzSettings, type SlowestCase } from "./run.ts";
import { type Base, bases } from "./tdx-bases.ts";

/** Every how many cases the verdict is compared with that of a verifier that remembers nothing. */
const FRESH_EVERY = 40;
/** Every how many cases the memory is looked at, and by how much what is kept of them may grow, bytes. */
const MEASURE_EVERY = 10_000;
const MAX_GROWTH = 128 * 1024 * 1024;
const PEM_BLOCK = /-----BEGIN (CERTIFICATE|X509 CRL)-----[^-]*-----END \1-----/g;

interface TdxReport extends FuzzReport {
  readonly quotes: number;
  readonly bundles: number;
  readonly logs: number;
  /** those in which nothing was changed that counts */
  readonly accepted: number;
  /** different error ids that were met */
  readonly reasons: number;
  /** by how much the memory in use had grown at most, after what is no longer used was freed */
  readonly grownMegabytes: number;
}

/** One bent piece of evidence. */
interface Case {
  readonly kind: "quotes" | "bundles" | "logs";
  readonly what: string;
  readonly base: Base;
  readonly quote: Uint8Array;
  readonly bundle: string;
  readonly eventLog?: Uint8Array;
}

/**
 * Bends quotes, certificates, collateral, revocation lists and event logs, and gives them to the verifier, which must name an error of its own or
 * accept what says the same as something genuine; what that is, is read here by other means than the verifier's. All cases share one cache of what
 * was verified, so that none can spoil it for those after it. A verifier that refuses what is genuine would pass every case, so that comes first.
 *
 * @throws FuzzFinding the first case that shows otherwise
 */
export async function fuzzTdx({ seed, goesOn, started }: FuzzSettings): Promise<TdxReport> {
  const all = bases();
  await requireAccepted(all);
  const world = new World(all);
  const counts = { cases: 0, quotes: 0, bundles: 0, logs: 0, accepted: 0 };
  const reasons = new Set<string>();
  let slowest: SlowestCase = { milliseconds: 0, text: "" };
  let grown = 0;
  const before = heapInUse();
  while (goesOn()) {
    const random = new Random(seed + counts.cases);
    const bent = world.bend(random);
    started?.(counts.cases, `${bent.what} ${digest(bent.quote)} ${digest(bent.bundle)}`);
    const start = performance.now();
    try {
      const outcome = await world.check(bent, counts.cases % FRESH_EVERY === 0);
      if (outcome === "accepted") counts.accepted++;
      else reasons.add(outcome);
    } catch (cause) {
      throw new FuzzFinding(`seed ${seed + counts.cases}, ${bent.what}: ${cause instanceof Error ? cause.stack : String(cause)}`, {
        cause,
      });
    }
    const milliseconds = performance.now() - start;
    if (milliseconds > slowest.milliseconds) slowest = { milliseconds, text: `seed ${seed + counts.cases}, ${bent.what}` };
    counts[bent.kind]++;
    if (++counts.cases % MEASURE_EVERY > 0) continue;
    grown = Math.max(grown, heapInUse() - before);
    if (grown > MAX_GROWTH) throw new FuzzFinding(`seed ${seed + counts.cases}: the memory in use has grown by ${grown} bytes`);
  }
  return { ...counts, reasons: reasons.size, grownMegabytes: Math.round(grown / 2 ** 20), slowest };
}

async function requireAccepted(all: readonly Base[]): Promise<void> {
  for (const base of all) {
    const { name, quote, eventLog } = base;
    const genuine = {
      kind: "quotes",
      what: name,
      base,
      quote,
      bundle: JSON.stringify(base.bundle),
      ...(eventLog && { eventLog }),
    } as const;
    const { id } = await outcomeOf(genuine, new VerificationCache());
    if (id !== undefined) throw new FuzzFinding(`${name} as it is was refused: ${id}`);
  }
}

function heapInUse(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}

const digest = (data: Uint8Array | string): string => createHash("sha256").update(data).digest("hex").slice(0, 16);

class World {
  readonly #bases: readonly Base[];
  readonly #cache = new VerificationCache();
  /** the essences of everything that is genuine; those of collateral by member of the bundle */
  readonly #quotes: ReadonlySet<string>;
  readonly #members: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(all: readonly Base[]) {
    this.#bases = all;
    this.#quotes = new Set(all.map(({ quote, bundle }) => quoteEssence(quote, bundle["pck_certificate_chain"])));
    const members = new Map<string, Set<string>>();
    for (const { bundle } of all) {
      for (const [name, essence] of Object.entries(bundleEssence(bundle))) {
        if (!members.has(name)) members.set(name, new Set());
        members.get(name)!.add(essence);
      }
    }
    this.#members = members;
  }

  bend(random: Random): Case {
    const base = random.of(this.#bases);
    const other = random.of(this.#bases);
    const same = { base, quote: base.quote, bundle: JSON.stringify(base.bundle) };
    const named = (how: string): string => `${base.name}, ${how}`;
    const choice = random.below(10);
    if (choice === 0 && base.eventLog !== undefined) {
      const eventLog = mutatedBytes(base.eventLog, () => other.eventLog ?? other.quote, random);
      return { ...same, kind: "logs", what: named("event log"), eventLog };
    }
    if (choice <= 2) return { ...same, kind: "bundles", what: named("collateral"), bundle: bentBundle(base, other, random) };
    return { ...same, kind: "quotes", what: named("quote"), quote: bentQuote(base.quote, other.quote, random) };
  }

  /** @returns `accepted`, or the id of the error. @throws where neither is right */
  async check(bent: Case, alsoFresh: boolean): Promise<string> {
    const outcome = await outcomeOf(bent, this.#cache);
    if (alsoFresh) {
      const fresh = await outcomeOf(bent, new VerificationCache());
      if (fresh.id !== outcome.id)
        throw new Error(`${outcome.id ?? "accepted"} with what is remembered, ${fresh.id ?? "accepted"} without`);
    }
    if (outcome.id !== undefined) return outcome.id;
    const bundle = JSON.parse(bent.bundle) as Record<string, unknown>;
    const delivered = bundle["pck_certificate_chain"];
    const ownEssence = quoteEssence(bent.quote, typeof delivered === "string" ? delivered : undefined);
    if (!this.#quotes.has(ownEssence)) throw new Error(`accepted a quote that is none of the genuine: ${bent.quote.toHex()}`);
    for (const [name, essence] of Object.entries(bundleEssence(bundle))) {
      // A chain beside the quote must be the quote's own, with which its essence ends.
      const genuine =
        name === "pck_certificate_chain" ? ownEssence.endsWith(`\n${essence}`) : (this.#members.get(name)?.has(essence) ?? true);
      if (!genuine) throw new Error(`accepted ${name} that is none of the genuine: ${bent.bundle}`);
    }
    if (bent.eventLog !== undefined) checkLogClaims(bent.quote, outcome.members!);
    return "accepted";
  }
}

async function outcomeOf(
  { base, quote, bundle, eventLog }: Case,
  cache: VerificationCache,
): Promise<{ id?: string; members?: JsonObject }> {
  const { anchors, now } = base;
  try {
    const collateral = parseBundle(bundle);
    const evidence = { quote, ...(eventLog && { eventLog }) };
    const pckChain = collateral.pckCertificateChain;
    const options = {
      collateral: () => collateral,
      anchors,
      now,
      expired: "reject",
      cache,
      ...(pckChain !== undefined && { pckChain }),
    } as const;
    const { members } = await verifyEvidence(evidence, {}, options);
    return { members };
  } catch (error) {
    if (error instanceof CaiError && /^(tdx|sgx)\./.test(error.id) && error.message.isWellFormed()) return { id: error.id };
    throw error;
  }
}

/** The digests of the claims lead to the registers of the quote, and an event is said to match only where it does. */
function checkLogClaims(quote: Uint8Array, members: JsonObject): void {
  const sha384 = (...parts: readonly Uint8Array[]) => createHash("sha384").update(Buffer.concat(parts)).digest();
  const registers = [0, 1, 2, 3].map(() => new Uint8Array(48));
  for (const each of members["uefi_event_logs"] as readonly JsonObject[]) {
    const digest = Uint8Array.fromHex(String((each["digests"] as readonly JsonObject[])[0]!["digest"]));
    const data = Uint8Array.fromBase64(String(each["event"]));
    const at = Number(each["index"]) - 1;
    registers[at] = sha384(registers[at]!, digest);
    if ((each["digest_matches_event"] === true) !== (sha384(data).compare(digest) === 0))
      throw new Error("an event is said to match its digest");
    const payload = each["verified_payload"];
    if (typeof payload === "string" && sha384(Uint8Array.fromBase64(payload)).compare(digest) !== 0)
      throw new Error("a payload is said to be verified");
  }
  const body = quote[0] === 5 ? 54 : 48;
  const quoted = quote.subarray(body + 328, body + 520);
  if (Buffer.concat(registers).compare(quoted) !== 0) throw new Error("accepted an event log that does not lead to the registers");
}

function bentQuote(quote: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  switch (random.below(8)) {
    case 0:
    case 1:
      return withBentPem(quote, other, random);
    case 2:
      return withBentText(quote, random);
    case 3: {
      // The quote's signature or that of its QE report, spelled the other way, where nothing else is bent.
      const [, signature] = landmarks(quote);
      const twin = Uint8Array.from(quote);
      const at = random.of([signature, signature + (quote[0] === 3 ? 512 : 518)]);
      twin.set(signatureTwin(quote.subarray(at, at + 64)), at);
      return random.chance(2) ? twin : mutatedBytes(twin, () => other, random);
    }
    case 4: {
      // The head of one and the signature section of the other.
      const [end] = landmarks(quote);
      const [otherEnd] = landmarks(other);
      return new Uint8Array(Buffer.concat([quote.subarray(0, end), other.subarray(otherEnd)]));
    }
    case 5: {
      const [end] = landmarks(quote);
      return new Uint8Array(Buffer.concat([mutatedBytes(quote.subarray(0, end + 200), () => other, random), quote.subarray(end + 200)]));
    }
    default:
      return mutatedBytes(quote, () => other, random);
  }
}

/** Where the signed part of a genuine quote ends, and where its signature begins. */
function landmarks(quote: Uint8Array): [end: number, signature: number] {
  const view = new DataView(quote.buffer, quote.byteOffset);
  const end = quote[0] === 5 ? 54 + view.getUint32(50, true) : quote[4] === 0x81 ? 632 : 432;
  return [end, end + 4];
}

/** The quote with one certificate's DER bent, and the sizes before it right again. */
function withBentPem(quote: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const text = Buffer.from(quote).toString("latin1");
  return withText(quote, bentPem(text, Buffer.from(other).toString("latin1"), random));
}

/** The quote with the text of its certificates bent: markers, white space, letters. */
function withBentText(quote: Uint8Array, random: Random): Uint8Array {
  const text = Buffer.from(quote).toString("latin1");
  const from = text.indexOf("-----BEGIN");
  return withText(quote, text.slice(0, from) + mutated(text.slice(from), () => text.slice(from), random));
}

function withText(quote: Uint8Array, text: string): Uint8Array {
  const out = Uint8Array.from(Buffer.from(text, "latin1"));
  const grown = out.length - quote.length;
  const [end] = landmarks(quote);
  const chain = Buffer.from(quote).indexOf("-----BEGIN") - 4;
  const view = new DataView(out.buffer);
  for (const at of [end, ...(quote[0] === 3 ? [] : [end + 4 + 130]), chain]) {
    if (at + 4 <= out.length) view.setUint32(at, view.getUint32(at, true) + grown, true);
  }
  return out;
}

function bentPem(text: string, other: string, random: Random): string {
  const blocks = [...text.matchAll(PEM_BLOCK)];
  if (blocks.length === 0) return text;
  const { 0: block, index } = random.of(blocks);
  const foreign = random.of([...other.matchAll(PEM_BLOCK)].map(([each]) => each).concat(block));
  const bent = random.chance(8)
    ? foreign
    : asPem(
        mutatedDer(derOf(block), () => derOf(foreign), random),
        block,
      );
  return text.slice(0, index) + bent + text.slice(index + block.length);
}

const derOf = (block: string): Uint8Array => Buffer.from(block.replaceAll(/-----[^-]*-----|\s/g, ""), "base64");

function asPem(der: Uint8Array, like: string): string {
  const [label] = /-----BEGIN [^-]*-----/.exec(like)!;
  return `${label}\n${der.toBase64()}\n${label.replace("BEGIN", "END")}`;
}

function bentBundle({ bundle }: Base, other: Base, random: Random): string {
  if (random.chance(10))
    return Buffer.from(mutatedBytes(Buffer.from(JSON.stringify(bundle)), () => other.quote, random)).toString("latin1");
  const name = random.of(Object.keys(bundle));
  const value = bundle[name]!;
  const foreign = random.chance(3) ? (other.bundle[name] ?? value) : String(random.of(Object.values(bundle)));
  const hex = (text: string): Uint8Array => (/^(?:[0-9a-f]{2})*$/i.test(text) ? Uint8Array.fromHex(text) : new Uint8Array(8));
  const bent = (): string => {
    if (random.chance(8)) return foreign;
    if (name.endsWith("_chain")) return random.chance(2) ? bentPem(value, foreign, random) : mutated(value, () => foreign, random);
    if (name.endsWith("_crl")) return mutatedDer(hex(value), () => hex(foreign), random).toHex();
    if (name.endsWith("_signature"))
      return (random.chance(4) ? signatureTwin(hex(value)) : mutatedBytes(hex(value), () => hex(foreign), random)).toHex();
    return random.chance(4) ? JSON.stringify(JSON.parse(value), null, random.below(4)) : mutated(value, () => foreign, random);
  };
  return JSON.stringify({ ...bundle, [name]: bent() });
}
