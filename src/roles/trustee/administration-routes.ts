import { createPublicKey, type KeyObject } from "node:crypto";
import { z } from "zod";
import { DEFAULT_ROLE, KBS_PREFIX } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import { type AdministratorContent, administratorContent, hasEveryRight, readAdministrator } from "./administrator.ts";
import { parseJsonBody } from "./json-body.ts";
import { parseKeySet } from "./key-set.ts";
import { missingRealm } from "./realm.ts";
import { roleContent, rowName } from "./role.ts";
import { NO_BODY, type Route, restOf } from "./route.ts";
import { ROOT_REALM, type Store } from "./store/index.ts";

/** Rows of either kind are kept in memory. */
const MAX_ROWS = 256;
const ROW_BODY = 1024 * 1024;

const roleBody = z.strictObject({ name: rowName, role: roleContent });
const administratorBody = z.strictObject({ name: rowName, administrator: administratorContent });

/**
 * Who may administer the trustee and what (security.md I23): roles, and the keys and identity providers that have them. Only a role that
 * nothing limits reaches these routes, so nobody can give more than he has.
 */
export function administrationRoutes(store: Store): Route[] {
  return [...roleRoutes(store), ...administratorRoutes(store)];
}

const ADMIN = { place: "admin", signed: true, scope: "trustee" } as const;
const READ = { ...ADMIN, method: "GET", right: "role.read", bodyLimit: NO_BODY } as const;
const WRITE = { ...ADMIN, right: "role.write" } as const;

function roleRoutes(store: Store): Route[] {
  const path = `${KBS_PREFIX}/cai/roles`;
  const one = `${path}/*`;
  return [
    {
      ...READ,
      about: { summary: "Lists the roles", response: "application/json" },
      path,
      async handle() {
        const rows = [...(await store.rows("roles"))].map(([name, content]) => ({ name, ...(JSON.parse(content) as object) }));
        return { body: JSON.stringify([{ name: DEFAULT_ROLE, rights: "all" }, ...rows]) };
      },
    },
    {
      ...WRITE,
      method: "POST",
      about: { summary: "Adds or replaces a role", request: roleBody },
      path,
      bodyLimit: ROW_BODY,
      async handle({ body }) {
        const { name, role } = parseJsonBody(roleBody, body);
        if (name === DEFAULT_ROLE) throw new CaiError("kbs.message-malformed", `/name: the role ${DEFAULT_ROLE} is always every right`);
        const content = JSON.stringify(role);
        await store.change(["roles", "realms"], ({ roles, realms }) => {
          if (role.realm !== undefined && role.realm !== ROOT_REALM && !realms.has(role.realm)) throw missingRealm(role.realm);
          requireRoom(roles, name);
          return { roles: { put: [[name, content]] } };
        });
        return { change: { role: name, ...(JSON.parse(content) as JsonObject) } };
      },
    },
    {
      ...WRITE,
      method: "DELETE",
      about: { summary: "Removes a role", rest: "its name" },
      path: one,
      bodyLimit: NO_BODY,
      async handle({ path: called }) {
        const name = restOf(called, one);
        await store.change(["roles", "administrators"], ({ roles, administrators }) => {
          if (!roles.has(name)) throw missingRole(name);
          const holder = [...administrators].find(([, content]) => readAdministrator(content).roles?.includes(name));
          if (holder !== undefined) throw new CaiError("admin.role-in-use", `${holder[0]} has the role ${name}`, { got: holder[0] });
          return { roles: { remove: [name] } };
        });
        return { change: { removed: name } };
      },
    },
  ];
}

function administratorRoutes(store: Store): Route[] {
  const path = `${KBS_PREFIX}/cai/administrators`;
  const one = `${path}/*`;
  return [
    {
      ...READ,
      about: { summary: "Lists the administrators", response: "application/json" },
      path,
      async handle() {
        const rows = [...(await store.rows("administrators"))];
        return { body: JSON.stringify(rows.map(([name, content]) => ({ name, ...readAdministrator(content) }))) };
      },
    },
    {
      ...WRITE,
      method: "POST",
      about: { summary: "Adds or replaces an administrator", request: administratorBody },
      path,
      bodyLimit: ROW_BODY,
      async handle({ body }) {
        const { name, administrator } = parseJsonBody(administratorBody, body);
        await store.change(["administrators", "roles"], ({ administrators, roles }) => {
          for (const role of administrator.roles ?? []) if (role !== DEFAULT_ROLE && !roles.has(role)) throw missingRole(role);
          requireRoom(administrators, name);
          const others = new Map([...administrators].filter(([each]) => each !== name));
          requireOwnKeys(administrator, others);
          if (!hasEveryRight(administrator)) requireOneWithEveryRight(others);
          return { administrators: { put: [[name, JSON.stringify(administrator)]] } };
        });
        return { change: { administrator: name, kind: administrator.kind, roles: administrator.roles ?? "all" } };
      },
    },
    {
      ...WRITE,
      method: "DELETE",
      about: { summary: "Removes an administrator", rest: "its name" },
      path: one,
      bodyLimit: NO_BODY,
      async handle({ path: called }) {
        const name = restOf(called, one);
        await store.change(["administrators"], ({ administrators }) => {
          if (!administrators.has(name)) throw new CaiError("admin.administrator-missing", `there is no administrator ${name}`);
          requireOneWithEveryRight(new Map([...administrators].filter(([each]) => each !== name)));
          return { administrators: { remove: [name] } };
        });
        return { change: { removed: name } };
      },
    },
  ];
}

function requireRoom(rows: ReadonlyMap<string, string>, name: string): void {
  if (rows.size < MAX_ROWS || rows.has(name)) return;
  throw new CaiError("kbs.request-too-large", `a trustee keeps at most ${MAX_ROWS} of these`);
}

/** @throws CaiError `admin.last-administrator` */
function requireOneWithEveryRight(administrators: ReadonlyMap<string, string>): void {
  if ([...administrators.values()].some((content) => hasEveryRight(readAdministrator(content)))) return;
  throw new CaiError("admin.last-administrator", "no administrator with every right would be left");
}

/** One key that two rows have would have the rights of whichever is looked at first. */
function requireOwnKeys(administrator: AdministratorContent, others: ReadonlyMap<string, string>): void {
  const own = new Set(keysIn(administrator).map(spki));
  const found = [...others].find(([, content]) => keysIn(readAdministrator(content)).some((key) => own.has(spki(key))));
  if (found === undefined) return;
  throw new CaiError("kbs.message-malformed", `/administrator: its key is that of ${found[0]} already`, { got: found[0] });
}

function keysIn(row: AdministratorContent): KeyObject[] {
  if (row.public_key !== undefined) return [createPublicKey(row.public_key)];
  return row.kind === "key" || row.jwk_set === undefined ? [] : (parseKeySet(row.jwk_set) ?? []).map(({ key }) => key);
}

const spki = (key: KeyObject): string => key.export({ format: "der", type: "spki" }).toString("base64");

function missingRole(name: string): CaiError {
  return new CaiError("admin.role-missing", `there is no role ${JSON.stringify(name.slice(0, 64))}`);
}
