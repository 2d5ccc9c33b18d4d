import { z } from "zod";
import { KBS_PREFIX } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { type Denials, denialName } from "./denial.ts";
import { parseJsonBody } from "./json-body.ts";
import { NO_BODY, type Route, restOf, SMALL_BODY } from "./route.ts";

/** The rows of a realm are looked through at each release. */
const MAX_DENIALS = 10_000;

const reasonBody = z.strictObject({ kind: z.string(), value: z.string(), reason: z.string().max(512).optional() });

/** Deny rows: an operator ends trust in one machine or build at once (security.md I16). Those of the root realm hold everywhere. */
export function denialRoutes(denials: Denials): Route[] {
  const path = `${KBS_PREFIX}/cai/denials`;
  const one = `${path}/*`;
  const admin = { place: "admin", signed: true } as const;
  return [
    {
      ...admin,
      method: "GET",
      right: "denial.read",
      about: { summary: "Lists the machines and builds that a realm releases nothing to", response: "application/json" },
      path,
      bodyLimit: NO_BODY,
      async handle({ realm }) {
        return { body: JSON.stringify(await denials.of(realm)) };
      },
    },
    {
      ...admin,
      method: "POST",
      right: "denial.write",
      about: { summary: "Ends trust in a machine or build", request: reasonBody },
      path,
      bodyLimit: SMALL_BODY,
      async handle({ body, realm, now }) {
        const { reason, ...name } = parseJsonBody(reasonBody, body);
        const denial = { ...parseJsonBody(denialName, new TextEncoder().encode(JSON.stringify(name))), time: now };
        await denials.add(realm, { ...denial, ...(reason !== undefined && { reason }) }, (rows) => {
          if (rows >= MAX_DENIALS) throw new CaiError("kbs.request-too-large", `a realm has at most ${MAX_DENIALS} deny rows`);
        });
        return { change: { denied: `${denial.kind}/${denial.value}` } };
      },
    },
    {
      ...admin,
      method: "DELETE",
      right: "denial.write",
      about: { summary: "Removes a deny row", rest: "its kind and value, with a slash between" },
      path: one,
      bodyLimit: NO_BODY,
      async handle({ path: called, realm }) {
        const [kind, value, ...more] = restOf(called, one).split("/");
        const name = denialName.safeParse({ kind, value });
        if (more.length > 0 || !name.success || !(await denials.remove(realm, name.data))) {
          throw new CaiError("kbs.denial-missing", "there is no such deny row");
        }
        return { change: { removed: `${name.data.kind}/${name.data.value}` } };
      },
    },
  ];
}
