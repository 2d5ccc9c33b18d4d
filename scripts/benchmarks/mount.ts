import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CAI, type Figure, median, run, spread, timed, writeRandomFile } from "./measure.ts";

const BYTES = 2 * 1024 ** 3;
const RUNS = 7;

/** A mounted copy of the same plaintext. */
interface Candidate {
  readonly name: string;
  readonly file: string;
  readonly cold: number[];
  readonly warm: number[];
  stop(): Promise<void>;
}

/** Sequential reads through the mount, cold and warm, alternating with gocryptfs over the same bytes. */
export async function benchMount(folder: string): Promise<Figure[]> {
  if (process.getuid?.() !== 0 || !existsSync("/dev/fuse")) return [unmeasured("needs root and /dev/fuse")];
  const plain = join(folder, "plain");
  mkdirSync(plain);
  writeRandomFile(join(plain, "weights.bin"), BYTES);
  const ours = await mountOurs(folder, plain);
  const gocryptfs = Bun.which("gocryptfs") ? mountGocryptfs(folder, plain) : undefined;
  const candidates = gocryptfs ? [ours, gocryptfs] : [ours];
  try {
    for (let i = 0; i < RUNS; i++) {
      for (const candidate of candidates) {
        dropCaches();
        candidate.cold.push(readThrough(candidate.file));
        candidate.warm.push(readThrough(candidate.file));
      }
    }
    for (const candidate of candidates) run(["cmp", join(plain, "weights.bin"), candidate.file]);
  } finally {
    for (const candidate of candidates) await candidate.stop();
    rmSync(plain, { recursive: true });
  }
  return ["cold", "warm"].map((kind) => compare(kind as "cold" | "warm", ours, gocryptfs));
}

function compare(kind: "cold" | "warm", ours: Candidate, other: Candidate | undefined): Figure {
  const wanted = kind === "cold" ? 1.5 : 4;
  const name = kind === "cold" ? "cold sequential read" : "second read, warm";
  const detail = `2 GiB, dd bs=1M, ${RUNS} runs alternating, MB/s: cai ${spread(ours[kind], 0)}`;
  if (other === undefined)
    return {
      name,
      value: `${median(ours[kind]).toFixed(0)} MB/s`,
      target: `>= ${wanted} x gocryptfs`,
      met: false,
      detail: `${detail}; gocryptfs is not installed: no ratio`,
    };
  const ratio = median(ours[kind].map((value, i) => value / other[kind][i]!));
  return {
    name,
    value: `${ratio.toFixed(2)} x gocryptfs`,
    target: `>= ${wanted} x`,
    met: ratio >= wanted,
    detail: `${detail}, gocryptfs ${spread(other[kind], 0)}`,
  };
}

function unmeasured(why: string): Figure {
  return { name: "mount", value: "not measured", target: "-", met: false, detail: why };
}

async function mountOurs(folder: string, plain: string): Promise<Candidate> {
  const mountpoint = join(folder, "ours");
  mkdirSync(mountpoint);
  run([CAI, "model", "encrypt", plain, "-o", join(folder, "ours.tar"), "--key-file", join(folder, "ours.key")]);
  const child = Bun.spawn(
    [CAI, "agent", "mount", "--model", join(folder, "ours.tar"), mountpoint, "--key-file", join(folder, "ours.key"), "--json"],
    { stdout: "pipe", stderr: "inherit" },
  );
  const reader = child.stdout.getReader();
  if ((await reader.read()).done) throw new Error("cai agent mount did not become ready");
  const stop = async () => {
    child.kill("SIGTERM");
    await child.exited;
    rmSync(join(folder, "ours.tar"));
  };
  return { name: "cai", file: join(mountpoint, "weights.bin"), cold: [], warm: [], stop };
}

function mountGocryptfs(folder: string, plain: string): Candidate {
  const [cipher, mountpoint, password] = [join(folder, "gocryptfs"), join(folder, "gocryptfs-mnt"), join(folder, "gocryptfs-pass")];
  mkdirSync(cipher);
  mkdirSync(mountpoint);
  writeFileSync(password, "benchmark\n");
  run(["gocryptfs", "-q", "-init", "-passfile", password, cipher]);
  run(["gocryptfs", "-q", "-passfile", password, cipher, mountpoint]);
  copyFileSync(join(plain, "weights.bin"), join(mountpoint, "weights.bin"));
  run(["umount", mountpoint]);
  run(["gocryptfs", "-q", "-ro", "-passfile", password, cipher, mountpoint]);
  const stop = async () => {
    run(["umount", mountpoint]);
    rmSync(cipher, { recursive: true });
  };
  return { name: "gocryptfs", file: join(mountpoint, "weights.bin"), cold: [], warm: [], stop };
}

function dropCaches(): void {
  writeFileSync("/proc/sys/vm/drop_caches", "1");
}

/** @returns MB/s */
function readThrough(file: string): number {
  return BYTES / timed(["dd", `if=${file}`, "of=/dev/null", "bs=1M", "status=none"]) / 1e6;
}
