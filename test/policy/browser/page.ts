// The entry of the bundle for pages: puts the engine where a page's own script finds it.
import { Buffer } from "node:buffer";
import { compilePolicy } from "../../../src/policy/rego/index.ts";

Object.assign(globalThis, { Buffer, policyEngine: { compilePolicy } });
