import { CaiError } from "../../system/index.ts";

/** One place that names a model's root, and the roots that it allows; none where it names none. */
export interface RootSource {
  readonly name: string;
  readonly roots: readonly string[];
}

/**
 * Decides which roots may be mounted: those that every place allows that names any (security.md §3.7). During an upgrade one place
 * may allow two; the others then choose.
 *
 * @returns `sha256:<hex>` each; empty where no place names a root
 * @throws CaiError `model.root-conflict`
 */
export function agreedRoots(sources: readonly RootSource[]): readonly string[] {
  const naming = sources.filter(({ roots }) => roots.length > 0);
  const [first, ...others] = naming;
  if (!first) return [];
  const agreed = first.roots.filter((root) => others.every(({ roots }) => roots.includes(root)));
  if (agreed.length > 0) return agreed;
  throw new CaiError("model.root-conflict", `${naming.map(({ name }) => name).join(" and ")} name different roots`, {
    expected: "one root that all of them allow",
    got: naming.map(({ name, roots }) => `${name}: ${roots.join(" or ")}`).join("; "),
  });
}
