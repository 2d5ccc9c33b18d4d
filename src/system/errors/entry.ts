/** What the reference page says of one error id: the exit status, one line of cause, one line of remedy. */
export interface CatalogueEntry {
  /** 1 failed · 2 wrong usage or configuration · 3 rejected by verification or policy · 4 a peer could not be reached */
  readonly exit: 1 | 2 | 3 | 4;
  readonly cause: string;
  readonly remedy: string;
}
