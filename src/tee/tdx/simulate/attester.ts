import type { Attester } from "../../tee.ts";
import type { SimulatedPlatform } from "./platform.ts";
import { loadSimulatedTd, updateSimulatedTd } from "./state-file.ts";
import { extendSimulatedTd, platformOf, type SimulatedTd, simulatedEvidence } from "./td.ts";

/** Where a simulated TD is kept. */
interface Machine {
  read(): SimulatedTd;
  update(change: (td: SimulatedTd) => SimulatedTd): Promise<unknown>;
}

/**
 * Gets evidence of a simulated TD. Nothing chooses this attester by itself; an operator names it.
 *
 * @param machine  the path of its state, which other processes may share and which is read again for each piece of evidence; or a TD that
 *                 nobody else has
 * @throws CaiError what {@link loadSimulatedTd} throws, then and later; `tdx.extension-invalid` for an extension that hardware would refuse
 */
export function simulatedTdxAttester(machine: string | SimulatedTd): Attester {
  const { read, update } = typeof machine === "string" ? onFile(machine) : inMemory(machine);
  const platformFor = onePlatform();
  platformFor(read());
  return {
    tee: "tdx",
    simulated: true,
    detect: async () => true,
    async evidence(reportData) {
      const td = read();
      return simulatedEvidence(td, platformFor(td), reportData);
    },
    async extend(register, digest, event) {
      await update((td) => extendSimulatedTd(td, register, digest, event));
    },
  };
}

const onFile = (path: string): Machine => ({
  read: () => loadSimulatedTd(path),
  update: (change) => updateSimulatedTd(path, change),
});

function inMemory(first: SimulatedTd): Machine {
  let td = first;
  return {
    read: () => td,
    async update(change) {
      td = change(td);
    },
  };
}

/** Making a platform costs a dozen signatures, and a machine stays on its own. */
function onePlatform(): (td: SimulatedTd) => SimulatedPlatform {
  let known: { readonly of: string; readonly platform: SimulatedPlatform } | undefined;
  return (td) => {
    const of = `${td.seed.toHex()} ${td.created}`;
    if (known?.of !== of) known = { of, platform: platformOf(td) };
    return known.platform;
  };
}
