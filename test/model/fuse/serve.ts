/** A server in a process of its own, for tests that kill it: `serve.ts ARTEFACT MOUNTPOINT`, where the artefact holds one file `a`. */
import { mountFuse } from "../../../src/model/index.ts";
import { hardenProcess } from "../../../src/system/index.ts";
import { bytesOf, sealTree } from "./artefact.ts";

const [, , file = "", mountpoint = ""] = process.argv;
hardenProcess();
const sealed = sealTree(file, [{ path: "a", bytes: bytesOf(200_000, 9) }]);
const mount = await mountFuse(await sealed.open(), mountpoint);
process.on("SIGTERM", () => mount.unmount());
process.stdout.write("ready\n");
await mount.closed;
