declare const CAI_VERSION: string | undefined;
declare const CAI_COMMIT: string | undefined;
declare const CAI_COMMIT_TIME: number | undefined;

/** The version and the commit that `scripts/build` wrote into the executable; `dev` in a source tree. */
export const version = typeof CAI_VERSION === "string" ? CAI_VERSION : "dev";
export const commit = typeof CAI_COMMIT === "string" ? CAI_COMMIT : "unknown";

/** When the source of the executable was committed, seconds since 1970; undefined in a source tree. The program knows nothing later than that. */
export const commitTime = typeof CAI_COMMIT_TIME === "number" ? CAI_COMMIT_TIME : undefined;
