import { formatTable, type JsonObject } from "../../system/index.ts";

/** One promise and whether it held. */
export interface Proof extends JsonObject {
  readonly claim: string;
  readonly held: boolean;
  readonly detail: string;
}

/** Tells the story as it happens, and keeps what was proved. */
export class Narration {
  readonly proofs: Proof[] = [];
  readonly #write: (line: string) => void;
  #step = 0;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** Begins a step of the story. */
  step(text: string): void {
    this.#write(`\n${++this.#step}. ${text}`);
  }

  /** Adds a line to the step. */
  tell(text: string): void {
    this.#write(`   ${text}`);
  }

  /** Records a promise. */
  prove(claim: string, held: boolean, detail: string): void {
    this.proofs.push({ claim, held, detail });
    this.#write(`   ${held ? "✓" : "✗"} ${claim}: ${detail}`);
  }

  /** Records that something was refused, and that it was refused for the right reason. */
  proveRefused(claim: string, expectedId: string, gotId: string | undefined): void {
    this.prove(
      claim,
      gotId === expectedId,
      gotId === expectedId ? `refused, ${expectedId}` : `expected ${expectedId}, got ${gotId ?? "no error"}`,
    );
  }

  get held(): boolean {
    return this.proofs.every((proof) => proof.held);
  }

  table(): string {
    return formatTable(this.proofs.map(({ claim, held, detail }) => [held ? "✓" : "✗", claim, detail]));
  }
}
