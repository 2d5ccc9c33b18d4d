import { formatResourcePath, parseResourcePath } from "../../../protocol/index.ts";
import { CaiError } from "../../../system/index.ts";
import { DEFAULT_BODY, NO_BODY } from "../route.ts";
import type { Store } from "../store/index.ts";
import type { Plugin } from "./plugin.ts";

/**
 * Secrets by name (trustee.md §3.1): administrators set and delete them, attested guests get them.
 *
 * @param open  makes of what is stored what is given out; throws where it cannot
 */
export function resourcePlugin({ resources }: Pick<Store, "resources">, open: (content: Uint8Array) => Promise<Uint8Array>): Plugin {
  return {
    name: "resource",
    calls: [
      {
        method: "GET",
        path: "*",
        right: "token",
        about: { summary: "Releases a secret to an attested environment, as a JWE to its key", rest: "repository/type/tag" },
        encrypted: true,
        segments(rest) {
          const { repository, type, tag } = parseResourcePath(rest);
          return [repository, type, tag];
        },
        async content(segments) {
          const name = segments.join("/");
          const content = await resources.get(name);
          if (content === undefined) throw missing(name);
          return open(content);
        },
      },
      {
        method: "POST",
        path: "*",
        right: "resource.write",
        about: { summary: "Stores a secret", rest: "repository/type/tag" },
        resource: parseResourcePath,
        bodyLimit: DEFAULT_BODY,
        async handle({ body }, rest) {
          const path = nameOf(rest);
          const { length: size } = body;
          await resources.putAll([{ path, value: body }], true);
          body.fill(0);
          return { change: { resources: [{ path, size }] } };
        },
      },
      {
        method: "DELETE",
        path: "*",
        right: "resource.write",
        about: { summary: "Removes a secret", rest: "repository/type/tag" },
        resource: parseResourcePath,
        bodyLimit: NO_BODY,
        async handle(_call, rest) {
          const name = nameOf(rest);
          if (!(await resources.delete(name))) throw missing(name);
          return { change: { removed: name } };
        },
      },
    ],
  };
}

function nameOf(rest: string): string {
  return formatResourcePath(parseResourcePath(rest));
}

function missing(name: string): CaiError {
  return new CaiError("kbs.resource-missing", `there is no resource ${name}`);
}
