import { KBS_PREFIX } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { type CollateralCache, formatCollateralFile, parseCollateralFile, summarizeCollateral } from "../../tee/tdx/index.ts";
import { NO_BODY, type Route } from "./route.ts";

/** A file of collateral as an administrator sends it. */
const FILE_BODY = 4 * 1024 * 1024;

/** What a trustee keeps of the manufacturer's word about platforms: to look at, to take away, and to bring to where nothing can be fetched. */
export function collateralRoutes(cache: CollateralCache): Route[] {
  const path = `${KBS_PREFIX}/cai/collateral`;
  const admin = { place: "admin", signed: true } as const;
  const read = { ...admin, method: "GET", right: "collateral.read" } as const;
  const write = { ...admin, right: "collateral.write" } as const;
  return [
    {
      ...read,
      path,
      about: { summary: "What is kept of the manufacturer's word about platforms", response: "application/json" },
      bodyLimit: NO_BODY,
      async handle({ now }) {
        const sets = await cache.list();
        return { body: JSON.stringify(sets.map((set) => summarizeCollateral(set, now, set.problem))) };
      },
    },
    {
      ...read,
      path: `${path}/export`,
      about: { summary: "The newest collateral, as a file that another trustee takes", response: "application/json" },
      bodyLimit: NO_BODY,
      async handle() {
        return { body: formatCollateralFile(await cache.newest()) };
      },
    },
    {
      ...write,
      method: "POST",
      path,
      about: { summary: "Keeps the collateral of a file", request: "application/json", response: "application/json" },
      bodyLimit: FILE_BODY,
      async handle({ body, now }) {
        const sets = await cache.import(parseCollateralFile(text(body)), now);
        return { body: JSON.stringify(sets.map((set) => summarizeCollateral(set, now))) };
      },
    },
  ];
}

function text(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new CaiError("tdx.collateral-malformed", "a file of collateral: expected text in UTF-8, got other bytes");
  }
}
