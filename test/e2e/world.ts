import { join } from "node:path";
import { caiJson, type Started, scratch, start } from "./cai.ts";

/** A trustee with a simulated machine that its policies take, as the README sets them up. */
export interface World {
  readonly folder: string;
  /** the trustee's address */
  readonly url: string;
  readonly pin: string;
  readonly adminKey: string;
  /** the state of the simulated machine */
  readonly machine: string;
  readonly trustee: Started;
  /** flags that an administrator gives */
  readonly admin: readonly string[];
  /** flags that an agent gives */
  readonly agent: readonly string[];
}

/** Starts a simulated world: one machine, one trustee, policies and reference values that take exactly that machine. */
export async function startWorld(): Promise<World> {
  const folder = scratch();
  const sim = join(folder, "sim");
  await caiJson(["sim", "tdx", "init", "--out", sim]);
  const { trustee, adminKey, admin } = await startTrustee(join(folder, "trustee"), sim);
  const url = String(trustee.ready["url"]);
  const pin = String(trustee.ready["pin"]);
  const machine = join(sim, "machine.json");
  const agent = ["--trustee", url, "--trustee-pin", pin, "--simulated-tdx", machine];
  return { folder, url, pin, adminKey, machine, trustee, admin, agent };
}

/** Makes a trustee that takes the machine in the folder `sim`, and starts it. */
export async function startTrustee(data: string, sim: string): Promise<Pick<World, "trustee" | "adminKey" | "admin">> {
  const adminKey = String((await caiJson(["trustee", "init", "--simulated", "--data", data]))["admin_key"]);
  const trustee = await serveAgain(data, sim);
  const admin = ["--trustee", String(trustee.ready["url"]), "--admin-key", adminKey];
  await caiJson(["reference", "set", "--file", join(sim, "reference.json"), ...admin]);
  await caiJson(["policy", "set", "resource", "--template", "affirming-simulated", ...admin]);
  return { trustee, adminKey, admin };
}

/** Starts a trustee that was made before. */
export function serveAgain(data: string, sim: string): Promise<Started> {
  const platform = ["--trust-anchor", join(sim, "anchor.pem"), "--collateral", join(sim, "collateral.json")];
  return start(["trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", ...platform]);
}
