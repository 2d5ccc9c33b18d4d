import { parse as parseToml } from "smol-toml";
import { isLoopbackHost } from "../../../system/index.ts";
import { type Finding, found, ok } from "../finding.ts";
import type { Machine } from "../machine.ts";

/** A trustee on this machine: where its data lie, and where it listens. */
interface LocalTrustee {
  readonly data: string;
  readonly listens: readonly string[];
}

const DEFAULT_LISTEN = "127.0.0.1:8080";

/**
 * Whether keys lie beside the data of a trustee that others can reach (security.md §5): who breaks into it would find everything at once.
 *
 * @param data  a data directory to look at; trustees that run are found by themselves
 */
export function trusteeData(machine: Machine, data: string | undefined): Finding[] {
  const running = runningTrustees(machine);
  const named =
    data === undefined || running.some((each) => each.data === data) ? [] : [{ data, listens: configuredListens(machine, data) }];
  return [...running, ...named].flatMap((each) => keysBeside(machine, each));
}

function keysBeside(machine: Machine, { data, listens }: LocalTrustee): Finding[] {
  const reachable = listens.find((listen) => !listen.startsWith("unix:") && !isLoopbackHost(hostOf(listen)));
  if (reachable === undefined) return [ok("trustee.keys", `the trustee of ${data} is reached from this machine only`)];
  const findings: Finding[] = [];
  if (machine.exists(`${data}/admin.key`)) {
    findings.push(
      found(
        "warning",
        "trustee.admin-key-beside",
        `${data}/admin.key lies beside the store of a trustee that others can reach (${reachable}): whoever breaks into it administers it`,
        `move it to the administrator's own machine, then: shred -u ${data}/admin.key`,
      ),
    );
  }
  if (machine.exists(`${data}.master`)) {
    findings.push(
      found(
        "warning",
        "trustee.master-key-beside",
        `${data}.master lies beside the store of a trustee that others can reach (${reachable}): whoever copies both has every secret`,
        `cai trustee rekey --data ${data} --new-master-key credential:cai-master-key, or passphrase`,
      ),
    );
  }
  return findings.length > 0 ? findings : [ok("trustee.keys", `no key lies beside the store of ${data}`)];
}

/** Processes that were started as `cai trustee serve`. Their variables are not looked at; the settings file is. */
function runningTrustees(machine: Machine): LocalTrustee[] {
  const numbers = machine.names("/proc").filter((name) => /^\d+$/.test(name));
  return numbers.flatMap((number) => {
    const words = (machine.text(`/proc/${number}/cmdline`) ?? "").split("\0");
    if (words[1] !== "trustee" || words[2] !== "serve") return [];
    const data = flagValues(words, "--data").at(-1);
    // A relative folder is relative to where the process works, which the kernel shows as a link.
    if (data === undefined || !data.startsWith("/")) return [];
    const listens = flagValues(words, "--listen");
    return [{ data: data.replace(/\/+$/, ""), listens: listens.length > 0 ? listens : configuredListens(machine, data) }];
  });
}

function flagValues(words: readonly string[], flag: string): string[] {
  return words.flatMap((word, i) =>
    word === flag ? (words[i + 1] ?? []) : word.startsWith(`${flag}=`) ? word.slice(flag.length + 1) : [],
  );
}

/** @returns the addresses in the settings file of a data directory, or the default one */
function configuredListens(machine: Machine, data: string): string[] {
  const text = machine.text(`${data}/trustee.toml`);
  if (text === undefined) return [DEFAULT_LISTEN];
  try {
    const { listen } = parseToml(text);
    const listens = [listen].flat().filter((each) => typeof each === "string");
    return listens.length > 0 ? listens : [DEFAULT_LISTEN];
  } catch {
    return [DEFAULT_LISTEN];
  }
}

function hostOf(listen: string): string {
  return listen
    .replace(/^https?:\/\//, "")
    .replace(/:\d*$/, "")
    .replace(/^\[|\]$/g, "");
}
