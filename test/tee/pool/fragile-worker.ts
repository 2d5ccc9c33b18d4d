import { parentPort } from "node:worker_threads";
import { serveVerifiers } from "../../../src/tee/pool/serving.ts";

// Verifies as the program's own worker does, and breaks down over evidence that says so.
parentPort?.on("message", (message: { readonly kind: string; readonly work?: { readonly evidence: unknown } }) => {
  const evidence = message.work?.evidence;
  if (evidence === "throw") throw new Error("broken");
  if (evidence === "exit") process.exit(3);
});
serveVerifiers();
