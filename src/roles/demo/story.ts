import { copyFileSync, existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeBase64 } from "../../crypto/index.ts";
import { fuseAvailable } from "../../model/index.ts";
import { formatBytes } from "../../system/index.ts";
import { simulatedTdxAttester } from "../../tee/tdx/index.ts";
import { canariesOf, findInFiles, findInProcesses, plaintextCanaries } from "./canary.ts";
import { Intruder, withFlippedBit } from "./intruder.ts";
import type { Narration } from "./narration.ts";
import type { Finished, Program, Running } from "./program.ts";
import { writeSampleModel } from "./sample-model.ts";
import { compareTrees, flipBit, listTree, readFailure, readTree } from "./tree.ts";

/** Where things lie: what is at home, and what the untrusted machine has. */
export interface Stage {
  readonly home: string;
  readonly cloud: string;
  readonly mountpoint: string;
  readonly logs: string;
  readonly temporary: string;
}

const RESOURCE = "kbs:///default/model/demo";
/** Where ciphertext starts in an archive: two tar headers and the header of the model (model-format.md §3.1). */
const DATA_START = 512 + 16_384 + 512;
/** A bit of MRTD in a version 4 quote: header 48 + offset 136 (tdx.md §1.3). */
const MRTD_OFFSET = 184;

/** Plays the whole story. Everything a user would type runs as a process of its own; only the intruder speaks the protocol by hand. */
export class Story {
  readonly #program: Program;
  readonly #stage: Stage;
  readonly #say: Narration;
  readonly #model: string;
  readonly #ownModel: boolean;
  readonly #mode: "fuse" | "tmpfs";
  #modelBytes = 0;

  constructor(program: Program, stage: Stage, narration: Narration, ownModel: string | undefined) {
    this.#program = program;
    this.#stage = stage;
    this.#say = narration;
    this.#model = ownModel ?? join(stage.home, "model");
    this.#ownModel = ownModel !== undefined;
    this.#mode = fuseAvailable().available ? "fuse" : "tmpfs";
  }

  async play(): Promise<void> {
    this.#makeModel();
    const machine = await this.#makeMachine();
    const trustee = await this.#startTrustee();
    const url = String(trustee.ready["url"]);
    const admin = ["--trustee", url, "--admin-key", join(this.#stage.home, "trustee", "admin.key")];
    const agent = ["--trustee", url, "--trustee-pin", String(trustee.ready["pin"])];
    await this.#setPolicies(admin);
    const enc = await this.#encrypt(admin);
    const mount = await this.#mount(enc, [...agent, "--simulated-tdx", machine]);
    this.#readBack(String(mount.ready["mountpoint"]));
    await this.#unmount(mount);
    await this.#refuseFlippedBit(enc, [...agent, "--simulated-tdx", machine]);
    await this.#refuseChangedKernel(agent, machine);
    await this.#refuseForgeries(url, machine);
    await this.#refuseThief(agent, machine);
    await this.#refuseInProduction(machine);
    await this.#searchForSecrets(agent, machine);
    this.#say.prove("the trustee ends in order", (await trustee.stop()) === 0, "SIGTERM, exit status 0");
  }

  #makeModel(): void {
    this.#say.step(this.#ownModel ? "The model is yours." : "A model, made up for this: random weights, a configuration, a tokenizer.");
    if (!this.#ownModel) writeSampleModel(this.#model);
    const files = listTree(this.#model).map((name) => statSync(join(this.#model, name), { throwIfNoEntry: false }));
    this.#modelBytes = files.reduce((sum, stat) => sum + (stat?.isFile() ? stat.size : 0), 0);
    this.#say.tell(`${this.#model}: ${files.filter((stat) => stat?.isFile()).length} files, ${formatBytes(this.#modelBytes)}`);
  }

  async #makeMachine(): Promise<string> {
    this.#say.step("A cloud machine with Intel TDX, simulated: its quotes are byte-exact, under a root of its own instead of Intel's.");
    const machine = await this.#program.mustRun("sim", "tdx", "init", "--out", join(this.#stage.cloud, "machine"));
    this.#say.tell(`measured: MRTD ${String(machine["mr_td"]).slice(0, 16)}…, RTMR1 ${String(machine["rtmr_1"]).slice(0, 16)}…`);
    return String(machine["machine"]);
  }

  async #startTrustee(): Promise<Running> {
    this.#say.step("At home, a trustee. Its store is for simulated platforms, for ever, and its operator names the simulated root.");
    const data = join(this.#stage.home, "trustee");
    const { tid } = await this.#program.mustRun("trustee", "init", "--simulated", "--data", data);
    const trustee = await this.#serve(data, ["--trust-anchor", join(this.#stage.cloud, "machine", "anchor.pem")]);
    this.#say.tell(`serving at ${trustee.ready["url"]}, identity tid:${tid}`);
    return trustee;
  }

  #serve(data: string, flags: readonly string[]): Promise<Running> {
    const collateral = join(this.#stage.cloud, "machine", "collateral.json");
    return this.#program.start("trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", "--collateral", collateral, ...flags);
  }

  async #setPolicies(admin: readonly string[]): Promise<void> {
    this.#say.step("The owner says what a good machine is: these measurements, and no secret for anything that is not affirmed.");
    await this.#program.mustRun("reference", "set", "--file", join(this.#stage.cloud, "machine", "reference.json"), ...admin);
    await this.#program.mustRun("policy", "set", "resource", "--template", "affirming-simulated", ...admin);
    this.#say.tell("reference values set; resource policy: affirming-simulated (a new trustee releases nothing)");
  }

  async #encrypt(admin: readonly string[]): Promise<string> {
    this.#say.step("The owner encrypts the model; the key goes to the trustee, the ciphertext anywhere.");
    const enc = join(this.#stage.cloud, "enc.tar");
    const result = await this.#program.mustRun("model", "encrypt", this.#model, "-o", enc, "--resource", RESOURCE, ...admin);
    const seconds = Number(result["seconds"]);
    this.#say.tell(
      `enc.tar: ${formatBytes(Number(result["bytes"]))} in ${seconds.toFixed(2)} s (${(Number(result["plaintext_bytes"]) / seconds / 1e9).toFixed(2)} GB/s)`,
    );
    this.#say.tell(`root ${String(result["root"])}`);
    return enc;
  }

  async #mount(enc: string, agent: readonly string[]): Promise<Running> {
    this.#say.step("In the cloud, the agent attests, gets the key, and mounts the model read-only.");
    if (this.#mode === "tmpfs")
      this.#say.tell(`no FUSE here (${fuseAvailable().why ?? "unknown reason"}): the model is decrypted into memory instead`);
    const start = performance.now();
    const mount = await this.#program.start(
      "agent",
      "mount",
      "--model",
      enc,
      this.#stage.mountpoint,
      "--mode",
      this.#mode,
      "--resource",
      RESOURCE,
      ...agent,
    );
    this.#say.tell(`attested and mounted in ${Math.round(performance.now() - start)} ms at ${mount.ready["mountpoint"]}`);
    if (typeof mount.ready["notice"] === "string") this.#say.tell(mount.ready["notice"]);
    return mount;
  }

  #readBack(mountpoint: string): void {
    this.#say.step("Whoever serves the model reads plain files.");
    const first = readTree(mountpoint);
    const second = readTree(mountpoint);
    const rate = ({ bytes, seconds }: typeof first) => `${(bytes / seconds / 1e9).toFixed(2)} GB/s`;
    this.#say.tell(
      `first read ${rate(first)}${this.#mode === "fuse" ? ", decrypted on the way" : ""}; second read ${rate(second)}, from the page cache`,
    );
    const { files, bytes, difference } = compareTrees(this.#model, mountpoint);
    this.#say.prove("every byte is identical through the mount", difference === undefined, difference ?? `${files} files, ${bytes} bytes`);
  }

  async #unmount(mount: Running): Promise<void> {
    const status = await mount.stop();
    const served = Number(/ unmounted .*\bbytes=(\d+)/.exec(mount.log())?.[1] ?? Number.NaN);
    const size = this.#modelBytes;
    if (this.#mode === "fuse") {
      // Three passes were read; what the kernel kept was asked of the file system only once.
      const once = served >= size && served < size * 1.5;
      this.#say.prove(
        "later reads come from the page cache",
        once,
        `${formatBytes(size)} read three times, ${formatBytes(served)} decrypted`,
      );
    }
    this.#say.prove(
      "unmounting leaves nothing behind",
      status === 0 && listTree(this.#stage.mountpoint).length === 0,
      `exit status ${status}`,
    );
  }

  async #refuseFlippedBit(enc: string, agent: readonly string[]): Promise<void> {
    this.#say.step("Whoever stores the ciphertext flips one bit of it.");
    const flipped = join(this.#stage.cloud, "flipped.tar");
    copyFileSync(enc, flipped);
    flipBit(flipped, DATA_START + Math.floor(Math.min(this.#modelBytes, 2 ** 29) / 2));
    const args = [
      "agent",
      "mount",
      "--model",
      flipped,
      this.#stage.mountpoint,
      "--mode",
      this.#mode,
      "--resource",
      RESOURCE,
      ...agent,
    ] as const;
    if (this.#mode === "tmpfs") {
      this.#say.proveRefused("a changed block is never served", "model.block-corrupt", (await this.#program.run(...args)).errorId);
      return;
    }
    const mount = await this.#program.start(...args);
    const failure = readFailure(this.#stage.mountpoint);
    await mount.stop();
    this.#say.prove(
      "a changed block is never served",
      failure === "EIO" && mount.log().includes("model.block-corrupt"),
      `reading it gives ${failure ?? "no error"}, model.block-corrupt`,
    );
  }

  async #refuseChangedKernel(agent: readonly string[], machine: string): Promise<void> {
    this.#say.step("The provider boots another kernel on the same machine and asks for the key.");
    const changed = await this.#program.mustRun(
      "sim",
      "tdx",
      "init",
      "--out",
      join(this.#stage.cloud, "changed"),
      "--like",
      machine,
      "--software",
      "a kernel with a back door",
    );
    const run = await this.#fetch([...agent, "--simulated-tdx", String(changed["machine"])]);
    this.#say.proveRefused("a changed kernel gets no key", "kbs.policy-denied", wireId(run));
  }

  async #refuseForgeries(url: string, machine: string): Promise<void> {
    this.#say.step("An intruder speaks to the trustee by hand.");
    const intruder = new Intruder(url, simulatedTdxAttester(machine));
    const first = await intruder.openSession();
    const honest = await intruder.message(first);
    const forged = { ...honest, primaryEvidence: withFlippedBit(honest.primaryEvidence, MRTD_OFFSET) };
    this.#say.proveRefused("a quote with one changed bit", "tdx.quote-signature-invalid", await intruder.present(first, forged));
    const second = await intruder.openSession();
    const replayed = { ...honest, nonce: second.nonce };
    this.#say.proveRefused("evidence replayed under another nonce", "tdx.report-data-mismatch", await intruder.present(second, replayed));
    this.#say.proveRefused("a nonce that was used before", "kbs.nonce-spent", await intruder.present(first, honest));
    this.#say.proveRefused(
      "an administrator's call without a signature",
      "admin.unauthenticated",
      await intruder.storeUnsigned("default/model/demo"),
    );
  }

  async #refuseThief(agent: readonly string[], machine: string): Promise<void> {
    this.#say.step("A thief steals the token of an attested machine and asks with it.");
    const { token } = await this.#program.mustRun("agent", "token", ...agent, "--simulated-tdx", machine);
    const stolen = join(this.#stage.cloud, "stolen.token");
    writeFileSync(stolen, String(token), { mode: 0o600 });
    const run = await this.#fetch([...agent, "--simulated-tdx", machine, "--token-file", stolen]);
    this.#say.proveRefused("a stolen token opens nothing", "agent.response-not-for-us", run.errorId);
  }

  async #refuseInProduction(machine: string): Promise<void> {
    this.#say.step("The same simulated quote at a trustee for production.");
    const data = join(this.#stage.home, "production");
    await this.#program.mustRun("trustee", "init", "--data", data);
    const anchor = join(this.#stage.cloud, "machine", "anchor.pem");
    const withAnchor = await this.#program.run("trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", "--trust-anchor", anchor);
    this.#say.proveRefused("a production store takes no simulated root", "trustee.simulated-anchor", withAnchor.errorId);
    const production = await this.#serve(data, []);
    const run = await this.#fetch(["--trustee", String(production.ready["url"]), "--simulated-tdx", machine]);
    this.#say.proveRefused("a simulated quote at a production trustee", "tdx.untrusted-root", wireId(run));
    await production.stop();
  }

  async #searchForSecrets(agent: readonly string[], machine: string): Promise<void> {
    this.#say.step(
      "Nothing of it may lie around: every file of the cloud, the trustee's store, logs, command lines and environments are searched.",
    );
    const { base64 } = (await this.#fetch([...agent, "--simulated-tdx", machine])).result;
    const key = decodeBase64(String(base64));
    const { home, cloud, logs, temporary } = this.#stage;
    const stores = ["trustee", "production"].map((name) => join(home, name)).filter((folder) => existsSync(folder));
    const keys = canariesOf("the key", key);
    const plaintext = plaintextCanaries(this.#model);
    const found = [
      ...findInFiles([cloud, logs, temporary, ...stores], [...keys, ...plaintext]),
      ...findInProcesses(this.#program.pids, [...keys, ...plaintext]),
    ];
    // The same search finds every piece where it has to be: in the model itself.
    const works = plaintext.length > 0 && findInFiles([this.#model], plaintext).length >= plaintext.length;
    this.#say.prove(
      "no plaintext and no key on disk",
      found.length === 0 && works,
      found[0] ?? `searched for the key in 4 forms and ${plaintext.length} pieces of the model`,
    );
    key.fill(0);
  }

  #fetch(flags: readonly string[]): Promise<Finished> {
    return this.#program.run("agent", "resource", "get", RESOURCE, ...flags);
  }
}

/** The id that the trustee gave; the agent passes it on as what it got. */
function wireId(run: Finished): string | undefined {
  const got = run.error?.["got"];
  return typeof got === "string" ? got : run.errorId;
}
