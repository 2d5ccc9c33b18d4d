import { templates } from "../../policy/index.ts";
import { KBS_PREFIX, parseResourcePath } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import { parseJsonBody } from "./json-body.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import { missingRealm, type Realms, readRealm, realmContent, realmName } from "./realm.ts";
import { NO_BODY, type Route, restOf, SMALL_BODY } from "./route.ts";
import { ROOT_REALM, realmKey, rowsOfRealm, type Store } from "./store/index.ts";

/** Realms are kept in memory. */
const MAX_REALMS = 1024;

const realmBody = realmContent.extend({ realm: realmName });

/** The tables whose rows bear the name of a realm; roles say it in their content. */
const REALM_TABLES = ["policies", "reference_values", "denials"] as const;

/** Realms: prefixes of resource paths with policies, reference values and deny rows of their own (security.md I21). */
export function realmRoutes(store: Store, realms: Realms): Route[] {
  const path = `${KBS_PREFIX}/cai/realms`;
  const one = `${path}/*`;
  const admin = { place: "admin", signed: true, scope: "trustee" } as const;
  return [
    {
      ...admin,
      method: "GET",
      right: "realm.read",
      about: { summary: "Lists the realms with what they say of themselves", response: "application/json" },
      path,
      bodyLimit: NO_BODY,
      async handle() {
        return { body: JSON.stringify(await listed(store, realms)) };
      },
    },
    {
      ...admin,
      method: "POST",
      right: "realm.write",
      about: { summary: "Declares a realm, or changes what is said of it", request: realmBody, response: "application/json" },
      path,
      bodyLimit: SMALL_BODY,
      async handle({ body }) {
        const { realm, ...said } = parseJsonBody(realmBody, body);
        const content = JSON.stringify(said);
        const created = await declare(store, realm, content);
        const answer = JSON.stringify({ realm, created, resources: (await resourcesIn(store, realms, realm)).length });
        return { body: answer, change: { declared: realm, created, ...(JSON.parse(content) as JsonObject) } };
      },
    },
    {
      ...admin,
      method: "DELETE",
      right: "realm.write",
      about: { summary: "Removes an empty realm", rest: "the realm" },
      path: one,
      bodyLimit: NO_BODY,
      async handle({ path: called }) {
        const realm = readRealm(restOf(called, one));
        if (realm === ROOT_REALM) throw missingRealm(realm);
        await remove(store, realms, realm);
        return { change: { removed: realm } };
      },
    },
  ];
}

/**
 * Declares a realm, or says something else of one that is there. A new one takes nothing over: it has the template that grades by reference
 * values, none of those, and a resource policy that denies, so that it releases nothing until its own administrator says so.
 *
 * @returns whether it is new
 */
async function declare(store: Store, realm: string, content: string): Promise<boolean> {
  let created = false;
  await store.change(["realms", "policies"], ({ realms }) => {
    created = realm !== ROOT_REALM && !realms.has(realm);
    if (created && realms.size >= MAX_REALMS) throw new CaiError("kbs.request-too-large", `a trustee has at most ${MAX_REALMS} realms`);
    const grading = templates[store.world === "simulated" ? "attestation-simulated" : "attestation"];
    const policies: [string, string][] = [
      [realmKey(realm, `attestation/${POLICY_IN_FORCE}`), grading],
      [realmKey(realm, `resource/${POLICY_IN_FORCE}`), templates["deny-all"]],
    ];
    return { realms: { put: [[realm, content]] }, ...(created && { policies: { put: policies } }) };
  });
  return created;
}

/**
 * Removes an empty realm with its policies. What its prefix is asked for then is the business of the realm around it; a secret that is
 * stored at this very moment is, too.
 *
 * @throws CaiError `kbs.realm-missing`, `kbs.realm-not-empty`
 */
async function remove(store: Store, realms: Realms, realm: string): Promise<void> {
  const resources = await resourcesIn(store, realms, realm);
  if (resources.length > 0) throw notEmpty(`${resources.length} secrets`);
  await store.change(["realms", "roles", ...REALM_TABLES], (rows) => {
    if (!rows.realms.has(realm)) throw missingRealm(realm);
    for (const table of ["reference_values", "denials"] as const) {
      const { size } = rowsOfRealm(rows[table], realm);
      if (size > 0) throw notEmpty(`${size} ${table === "denials" ? "deny rows" : "reference values"}`);
    }
    const roles = [...rows.roles].filter(([, content]) => (JSON.parse(content) as { realm?: string }).realm === realm);
    if (roles.length > 0) throw notEmpty(`the roles ${roles.map(([name]) => name).join(", ")}`);
    const policies = [...rowsOfRealm(rows.policies, realm).keys()].map((key) => realmKey(realm, key));
    return { realms: { remove: [realm] }, policies: { remove: policies } };
  });
}

async function listed(store: Store, realms: Realms): Promise<object[]> {
  const counts = new Map<string, number>();
  for (const { path } of await store.resources.list()) {
    const realm = await realms.of(parseResourcePath(path));
    counts.set(realm, (counts.get(realm) ?? 0) + 1);
  }
  const declared = await realms.all();
  const names = [...new Set([ROOT_REALM, ...declared.keys()])];
  return names.map((realm) => ({ realm, resources: counts.get(realm) ?? 0, ...declared.get(realm) }));
}

async function resourcesIn(store: Store, realms: Realms, realm: string): Promise<string[]> {
  const paths = (await store.resources.list()).map(({ path }) => path);
  const own = await Promise.all(paths.map(async (path) => (await realms.of(parseResourcePath(path))) === realm));
  return paths.filter((_, i) => own[i]);
}

function notEmpty(got: string): CaiError {
  return new CaiError("kbs.realm-not-empty", `the realm still has ${got}`, { got });
}
