import { CaiError, type ErrorId } from "../../../system/index.ts";
import type { Installation } from "./installation.ts";
import type { OldSettings } from "./settings-file.ts";
import type { SourcePlace } from "./source-file.ts";

/** What is said about the settings of one file. */
export class Notes {
  readonly into: Installation;
  readonly #from: string;

  constructor(from: string, into: Installation) {
    this.#from = from;
    this.into = into;
  }

  leftOut(name: string, why: string, error?: ErrorId): void {
    this.into.leftOut.push({ kind: "setting", name, from: this.#from, outcome: "left out", why, ...(error !== undefined && { error }) });
  }

  /** What opens the old trustee to people who should not come in. */
  insecure(name: string, why: string): void {
    this.leftOut(name, why, "trustee.import-insecure");
  }

  /** @returns where a file that a setting names is; undefined where that is refused */
  placeOf(setting: string, place: SourcePlace, path: string): string | undefined {
    try {
      return place.resolve(path);
    } catch (error) {
      const { id, message } = CaiError.from(error);
      this.into.leftOut.push({ kind: "setting", name: setting, from: this.#from, outcome: "refused", error: id, why: message });
      return undefined;
    }
  }

  take(list: string[], setting: string, place: SourcePlace, path: string): void {
    const taken = this.placeOf(setting, place, path);
    if (taken !== undefined) list.push(taken);
  }

  /** Verifiers of evidence that software makes up (security.md I11). */
  sampleEvidence(settings: OldSettings): void {
    const named = (key: string, value: unknown) => /^sample/i.test(key) && value !== false && value !== null && typeof value !== "string";
    for (const path of settings.places(named)) {
      this.insecure(path, "sample evidence proves nothing; a simulated store takes what its operator names, a production store never");
    }
  }
}
