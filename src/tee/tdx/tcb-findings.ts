import type { JsonObject } from "../../system/index.ts";
import type { ComponentLevel } from "./document-fields.ts";
import type { PckFacts } from "./pck.ts";
import type { Finding } from "./steps.ts";
import type { TcbVerdict, TdxModule } from "./tcb.ts";
import type { PlatformLevel, TcbInfo } from "./tcb-info.ts";
import { type Comparison, compareWithLevel, suffices } from "./tcb-level.ts";
import { rfc3339 } from "./validity.ts";

/**
 * What the report says of a platform's level: every component beside what the level demands, and what keeps it from the highest level.
 *
 * @param svn      TEE_TCB_SVN or TEE_TCB_SVN_2; undefined for SGX
 * @param matched  the level that was found; undefined where none was, and the lowest is shown
 */
export function platformFinding(pck: PckFacts, svn: Uint8Array | undefined, info: TcbInfo, matched: PlatformLevel | undefined): Finding {
  const [top] = info.levels;
  const shown = matched ?? info.levels.at(-1);
  const rows = (level: PlatformLevel): Comparison[] => [...compareWithLevel(pck, svn, level)];
  const facts: JsonObject = {
    levels: info.levels.length,
    ...(shown !== undefined && { ...levelFacts(info.levels, shown), matched: matched !== undefined }),
    components: shown === undefined ? [] : rows(shown).map((row) => comparisonFacts(row, info)),
    ...(top !== undefined &&
      matched !== undefined &&
      top !== matched && {
        short_of: {
          ...levelFacts(info.levels, top),
          components: rows(top)
            .filter((row) => !suffices(row))
            .map((row) => comparisonFacts(row, info)),
        },
      }),
  };
  return { expected: "a level of the TCB info", ...(matched && { got: levelText(info.levels, matched) }), facts };
}

/** What the report says of a quoting enclave's or TDX module's level. */
export function componentFinding(svn: number, levels: readonly ComponentLevel[], matched: ComponentLevel | undefined): Finding {
  const shown = matched ?? levels.at(-1);
  return {
    ...(shown !== undefined && { expected: `at least ${shown.isvSvn}` }),
    ...(matched && { got: `${svn}: ${levelText(levels, matched)}` }),
    facts: {
      have: svn,
      levels: levels.length,
      ...(shown !== undefined && { ...levelFacts(levels, shown), need: shown.isvSvn, matched: matched !== undefined }),
      ...(levels[0] !== undefined && matched !== undefined && levels[0] !== matched && { newest: levels[0].isvSvn }),
    },
  };
}

/** What the report says of everything together. @param launch, current  the status words before a revoked one is refused */
export function standingFinding(launch: string, current: string, verdict: TcbVerdict | undefined): Finding {
  return {
    expected: "a standing that is not revoked",
    got: launch === current ? launch : `${launch}; ${current} after a relaunch`,
    facts: {
      status: launch,
      status_current: current,
      ...(verdict && {
        date: rfc3339(verdict.launch.date),
        advisories: verdict.launch.advisories,
        date_current: rfc3339(verdict.current.date),
        advisories_current: verdict.current.advisories,
      }),
    },
  };
}

export function moduleFinding(module: TdxModule | undefined): Finding {
  if (module === undefined) return {};
  const { id, svn, mrSigner } = module;
  return { got: `${id}, security version ${svn}`, facts: { id, svn, mr_signer: mrSigner.toHex() } };
}

interface AnyLevel {
  readonly status: string;
  readonly date: number;
  readonly advisories: readonly string[];
}

function levelFacts(levels: readonly AnyLevel[], level: AnyLevel): JsonObject {
  return { level: levels.indexOf(level) + 1, status: level.status, date: rfc3339(level.date), advisories: level.advisories };
}

const levelText = (levels: readonly AnyLevel[], level: AnyLevel): string =>
  `level ${levels.indexOf(level) + 1} of ${levels.length}, ${level.status}, ${rfc3339(level.date).slice(0, 10)}`;

function comparisonFacts(row: Comparison, { componentNames }: TcbInfo): JsonObject {
  const { kind, index, have, need, counts } = row;
  const name = kind === "pce" ? "" : (componentNames[kind][index] ?? "");
  const component = kind === "pce" ? "PCESVN" : `${kind.toUpperCase()} ${index + 1}`;
  return { component, ...(name !== "" && { name }), have, need, counts, ok: suffices(row) };
}
