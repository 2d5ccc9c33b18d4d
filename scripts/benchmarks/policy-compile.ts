// Prints how many milliseconds the first compilation of the policy named on the command line takes in this process. A program of its own,
// for only the first one is cold.
import { readFileSync } from "node:fs";
import { compilePolicy } from "../../src/policy/index.ts";

const text = readFileSync(process.argv[2]!, "utf8");
const start = performance.now();
compilePolicy(text);
console.log(performance.now() - start);
