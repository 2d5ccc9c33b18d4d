/** What a simulated platform can be made to differ in. Statuses are free text, since a hostile or future document may say anything. */
export interface SimulatedKnobs {
  /** security version numbers of the SGX components, 16 of 0 to 255; default eight times 3, then zeros */
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** ISVSVN of the quoting enclave */
  readonly qeSvn: number;
  /** 16 bytes; bit 1 of the first is DEBUG */
  readonly qeAttributes: Uint8Array;
  /** status of the higher and of the lower level */
  readonly platformStatus: readonly [string, string];
  readonly moduleStatus: readonly [string, string];
  readonly qeStatus: readonly [string, string];
  /** what the platform's revocation lists name */
  readonly revoked: readonly ("pck" | "intermediate" | "tcb-signing")[];
  /** how long the collateral is valid from `now` on, seconds */
  readonly window: number;
  /** of the TCB info and of the QE identity */
  readonly evaluationNumbers: readonly [number, number];
}

/** Of the documents, where nothing else is asked for. */
export const SIMULATED_EVALUATION_NUMBER = 20;

const THIRTY_DAYS = 30 * 86_400;

/** A platform that is up to date. */
export const DEFAULT_KNOBS: SimulatedKnobs = {
  components: [3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 13,
  qeSvn: 6,
  qeAttributes: Uint8Array.of(0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0),
  platformStatus: ["UpToDate", "OutOfDate"],
  moduleStatus: ["UpToDate", "OutOfDate"],
  qeStatus: ["UpToDate", "OutOfDate"],
  revoked: [],
  window: THIRTY_DAYS,
  evaluationNumbers: [SIMULATED_EVALUATION_NUMBER, SIMULATED_EVALUATION_NUMBER],
};
