import { CaiError, type HttpClient, type StreamAddress } from "../../system/index.ts";
import { tdxAttester, tdxPaths } from "../../tee/tdx/index.ts";
import { administration } from "./checks/administration.ts";
import { clock } from "./checks/clock.ts";
import { type CollateralPlaces, collateral } from "./checks/collateral.ts";
import { kernel } from "./checks/kernel.ts";
import { memory } from "./checks/memory.ts";
import { type FuseState, mounting } from "./checks/mounting.ts";
import { platform } from "./checks/platform.ts";
import { quotes } from "./checks/quotes.ts";
import { registers } from "./checks/registers.ts";
import { rootFileSystem } from "./checks/root-file-system.ts";
import { trustee } from "./checks/trustee.ts";
import { trusteeData } from "./checks/trustee-data.ts";
import { type Finding, found, SEVERITIES } from "./finding.ts";
import { type Assurance, assurance, type Shown } from "./level.ts";
import type { Machine } from "./machine.ts";

const RETRY_MS = 1000;

/** What a diagnosis looks at and asks. */
export interface Subject {
  readonly machine: Machine;
  readonly fuse: FuseState;
  /** seconds since 1970 */
  readonly now: number;
  /** 64 bytes that nobody else uses, for the quotes that are tried */
  readonly reportData: Uint8Array;
  /** where the host's quote generation service is, whatever the machine's file says */
  readonly qgs?: StreamAddress;
  /** absent: nobody is asked for collateral */
  readonly collateral?: CollateralPlaces;
  /** a trustee's data directory on this machine */
  readonly trusteeData?: string;
  readonly trustee?: { readonly client: HttpClient; readonly url: URL };
}

export interface Diagnosis {
  /** what matters most first, and else in the order of looking */
  readonly findings: readonly Finding[];
  readonly assurance: Assurance;
  /** the areas whose check itself failed: what it would have found is not known */
  readonly failed: readonly string[];
}

/** Looks at everything. What is found is no error; a check that fails is a finding of its own, and the others go on. */
export async function diagnose(subject: Subject): Promise<Diagnosis> {
  const { machine, fuse, now, collateral: places, trustee: peer } = subject;
  const checkup = new Checkup();
  const { isTee, quoted } = await hardware(checkup, subject);
  const system = await checkup.run("system", async () => rootFileSystem(machine), { protected: false, findings: [] });
  checkup.add(system.findings);
  // A check of what could be open that failed has not shown that nothing is.
  const open = await checkup.run("access", async () => administration(machine), [
    found("problem", "access.unknown", "whether anybody can administer this machine from outside is not known"),
  ]);
  checkup.add(open);
  checkup.add(await checkup.run("memory", async () => memory(machine), []));
  checkup.add(await checkup.run("mount", async () => mounting(machine, fuse), []));
  checkup.add(await checkup.run("clock", async () => clock(now), []));
  if (places !== undefined) checkup.add(await checkup.run("collateral", () => collateral(places), []));
  checkup.add(await checkup.run("trustee-data", async () => trusteeData(machine, subject.trusteeData), []));
  if (peer !== undefined) checkup.add(await checkup.run("trustee", () => trustee(peer.client, peer.url, now), []));
  const { failed } = checkup;
  const findings = checkup.findings.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
  return { findings, failed, assurance: assurance({ isTee, quoted, rootProtected: system.protected, administration: open }) };
}

async function hardware(checkup: Checkup, { machine, qgs, reportData }: Subject): Promise<Pick<Shown, "isTee" | "quoted">> {
  const paths = tdxPaths(machine.root);
  // Somebody waits for the answer: a kernel that is busy is asked again soon, not after the ten seconds that a quote is worth.
  const attester = tdxAttester({ paths, ...(qgs && { qgs }), sleep: () => Bun.sleep(RETRY_MS) });
  const isTdx = await checkup.run("tdx", () => attester.detect(), false);
  const kind = await checkup.run("platform", async () => platform(machine, isTdx), { isTee: isTdx, isTdx, findings: [] });
  checkup.add(kind.findings);
  checkup.add(await checkup.run("kernel", async () => kernel(machine), []));
  const ways = await checkup.run("quote", () => quotes(attester, machine, kind.isTdx, reportData), { quoted: undefined, findings: [] });
  checkup.add(ways.findings);
  if (isTdx) checkup.add(await checkup.run("registers", () => registers(attester, paths), []));
  return { isTee: kind.isTee, quoted: ways.quoted };
}

/** Collects what checks find. */
class Checkup {
  readonly findings: Finding[] = [];
  readonly failed: string[] = [];

  add(findings: readonly Finding[]): void {
    this.findings.push(...findings);
  }

  /** @returns what the check gives, or `otherwise` where it fails */
  async run<T>(area: string, check: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await check();
    } catch (error) {
      const { id, message } = CaiError.from(error);
      this.failed.push(area);
      this.findings.push(found("problem", `${area}.check-failed`, `this could not be looked at: ${id}: ${message}`));
      return otherwise;
    }
  }
}
