import { type MountOptions, parseRoot } from "../../../model/index.ts";
import { CaiError, defineVerb } from "../../../system/index.ts";
import { mountModel } from "../index.ts";
import { clientOf } from "./flags.ts";
import { MOUNT_FLAGS } from "./mount-flags.ts";

export default defineVerb({
  path: "agent mount",
  description:
    "Proves to the trustee what this machine runs, gets the model's key, and mounts the model read-only until it is unmounted or SIGTERM comes.\nWhat is read is decrypted and checked block by block, in memory only.",
  positionals: [{ name: "MOUNTPOINT", about: "an empty folder" }],
  flags: { model: { kind: "text", value: "ENC", required: true, about: "the encrypted model" }, ...MOUNT_FLAGS },
  settingsFile: () => undefined,
  examples: [
    { about: "in a TEE", line: "cai agent mount --model qwen.tar /models/qwen --trustee https://trustee.example:8443" },
    {
      about: "on a simulated machine",
      line: "cai agent mount --model qwen.tar /mnt --trustee http://127.0.0.1:8080 --simulated-tdx sim/machine.json",
    },
    {
      about: "without a trustee, readable by the user of vLLM",
      line: "cai agent mount --model qwen.tar /models/qwen --key-file qwen.key --allow 1000",
    },
  ],
  exits: { 0: "unmounted", 3: "the trustee refused this machine, or the artefact is not the intended one" },
  async run({ positionals: [mountpoint], flags, log, print, signal }) {
    const keyFile = flags["key-file"];
    if (keyFile !== undefined && flags.resource !== undefined)
      throw new CaiError("cli.usage", "--key-file and --resource exclude each other", { hint: "cai agent mount --help" });
    const mount = await mountModel({
      model: flags.model,
      mountpoint,
      key:
        keyFile !== undefined
          ? { keyFile }
          : { client: await clientOf(flags, log), ...(flags.resource !== undefined && { resource: flags.resource }) },
      ...(flags.root !== undefined && { root: parseRoot(flags.root) }),
      acceptUnpinnedRoot: flags["accept-unpinned-root"],
      mode: flags.mode === "tmpfs" ? "tmpfs" : "fuse",
      allow: parseAllow(flags.allow),
      acceptSwap: flags["accept-swap"],
      logger: log,
      signal,
    });
    const end = () => void mount.unmount();
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
    const { root, rootPinned, modelPinned, mode, resource } = mount;
    const named = modelPinned ? "" : `, key ${resource}, which the artefact itself names: NOT pinned`;
    const notice = mount.notice === undefined ? "" : `\n  ${mount.notice}`;
    print(
      {
        mountpoint: mount.mountpoint,
        root,
        root_pinned: rootPinned,
        model_pinned: modelPinned,
        mode,
        resource: resource ?? null,
        notice: mount.notice ?? null,
        pid: process.pid,
      },
      `${flags.model} is mounted at ${mount.mountpoint} (${mode}, root ${root}${rootPinned ? "" : ", NOT pinned"}${named})${notice}`,
    );
    await mount.closed;
    const served = mount.stats();
    log.info("unmounted", {
      mountpoint: mount.mountpoint,
      ...(served && { reads: served.reads, bytes: served.bytes, corrupt: served.corrupt }),
    });
  },
});

function parseAllow(text: string): NonNullable<MountOptions["allow"]> {
  if (text === "owner" || text === "all") return text;
  const [, uid, gid] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  if (uid === undefined)
    throw new CaiError("cli.setting-invalid", `--allow cannot be ${JSON.stringify(text)}`, {
      expected: "owner, all, UID or UID:GID",
      got: text,
    });
  return { uid: Number(uid), ...(gid !== undefined && { gid: Number(gid) }) };
}
