import { readFileSync } from "node:fs";
import { builtInAnchors, loadAnchors, parseBundle, verifyQuote } from "../../src/tee/tdx/index.ts";

// Verifies one quote as the first thing that this process does, and prints the milliseconds that it took. Arguments: quote, bundle, time, anchor.
const [quotePath, bundlePath, now, anchorPath] = process.argv.slice(2);
const quote = readFileSync(quotePath!);
const bundle = readFileSync(bundlePath!, "utf8");
const anchors = anchorPath === undefined ? builtInAnchors() : [loadAnchors(readFileSync(anchorPath), true)];
const start = performance.now();
verifyQuote(quote, parseBundle(bundle), { now: Number(now), anchors, expired: "reject" });
console.log(performance.now() - start);
