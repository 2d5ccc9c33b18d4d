declare const CAI_VERSION: string | undefined;
declare const CAI_COMMIT: string | undefined;

/** The version and the commit that `scripts/build` wrote into the executable; `dev` in a source tree. */
export const version = typeof CAI_VERSION === "string" ? CAI_VERSION : "dev";
export const commit = typeof CAI_COMMIT === "string" ? CAI_COMMIT : "unknown";
