import { CaiError } from "../system/index.ts";

/** The name of one resource (trustee.md §3.1). */
export interface ResourcePath {
  readonly repository: string;
  readonly type: string;
  readonly tag: string;
}

const SCHEME = "kbs:///";
const MAX_SEGMENT = 128;
// No encoded slash, NUL, blank, leading dot or empty segment fits this, so nothing needs decoding or normalising.
const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/;

/**
 * Parses `kbs:///repository/type/tag`. The host part must be empty: a store or a slot never names a trustee (security.md I29).
 *
 * @throws CaiError `kbs.path-invalid`
 */
export function parseResourceUri(uri: string): ResourcePath {
  if (!uri.startsWith(SCHEME)) throw invalid("kbs:///repository/type/tag", uri);
  return parseResourcePath(uri.slice(SCHEME.length));
}

/**
 * Parses `repository/type/tag` exactly as it stands in a request line, undecoded.
 *
 * @throws CaiError `kbs.path-invalid`
 */
export function parseResourcePath(path: string): ResourcePath {
  const [repository, type, tag, ...more] = path.split("/");
  if (repository === undefined || type === undefined || tag === undefined || more.length > 0) {
    throw invalid("three segments: repository/type/tag", path);
  }
  for (const segment of [repository, type, tag]) {
    if (segment.length > MAX_SEGMENT || !SEGMENT.test(segment) || segment.includes("..")) {
      throw invalid(`segments of at most ${MAX_SEGMENT} letters, digits, \`_\`, \`-\`, \`.\` (not first, not twice in a row)`, path);
    }
  }
  return { repository, type, tag };
}

/** @returns `repository/type/tag` */
export function formatResourcePath({ repository, type, tag }: ResourcePath): string {
  return `${repository}/${type}/${tag}`;
}

/** @returns `kbs:///repository/type/tag` */
export function formatResourceUri(path: ResourcePath): string {
  return SCHEME + formatResourcePath(path);
}

function invalid(expected: string, path: string): CaiError {
  const got = path.length > 200 ? `${path.length} characters` : path;
  return new CaiError("kbs.path-invalid", `not a resource name: expected ${expected}, got ${JSON.stringify(got)}`, { expected, got });
}
