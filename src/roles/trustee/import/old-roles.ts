import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { DEFAULT_ROLE } from "../../../protocol/index.ts";
import { CaiError } from "../../../system/index.ts";
import { type AdministratorContent, administratorContent } from "../administrator.ts";
import { type RoleContent, roleContent, rowName } from "../role.ts";
import type { OldSettings } from "./settings-file.ts";
import { readSourceFile, type SourcePlace } from "./source-file.ts";

const MAX_KEY = 64 * 1024;
/** Expressions that match every path of a key broker: a role with one of them had every right. */
const EVERYTHING: ReadonlySet<string> = new Set(["^/kbs/v0/.+$", "^/kbs/v0/.*$", "^.+$", "^.*$", ".+", ".*"]);

/** A role of the Confidential Containers family: what its tokens may call (trustee.md §2.2). */
export interface OldRole {
  readonly name: string;
  readonly endpoints: string;
}

/** Who may sign tokens with roles there. */
export interface OldProvider {
  /** the name of its row: the same provider always has the same */
  readonly name: string;
  readonly issuer?: string;
  readonly audience?: string;
  /** a file or an address */
  readonly publicKey?: string;
  readonly jwkSet?: string;
}

/** @returns the roles in the settings below `admin` */
export function oldRoles(admin: OldSettings): OldRole[] {
  return admin.at("authorization", "regex_acl", "acls").items.map((acl) => ({
    name: acl.at("role").text ?? "",
    endpoints: acl.at("allowed_endpoints").text ?? "",
  }));
}

/** @returns the identity providers in the settings below `admin` */
export function oldProviders(admin: OldSettings): OldProvider[] {
  return admin.at("authentication", "bearer_jwt", "identity_providers").items.map((provider) => {
    const [issuer, audience, publicKey, jwkSet] = ["issuer", "audience", "public_key_uri", "jwk_set_uri"].map(
      (key) => provider.at(key).text,
    );
    const members = {
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
      ...(publicKey !== undefined && { publicKey }),
      ...(jwkSet !== undefined && { jwkSet }),
    };
    return { name: `imported-${createHash("sha256").update(JSON.stringify(members)).digest("hex").slice(0, 8)}`, ...members };
  });
}

/**
 * @returns the role as it is stored: every right, on paths that match its expression as a whole; undefined for the role that has every right here,
 *   too, where it had every right there
 * @throws CaiError `trustee.import-unreadable` for a name or an expression that cannot be used; `trustee.import-insecure` where the role would get more
 *   than it had
 */
export function readOldRole({ name, endpoints }: OldRole): RoleContent | undefined {
  if (!rowName.safeParse(name).success) throw unusable("the name of the role cannot be used");
  if (name === DEFAULT_ROLE) {
    if (EVERYTHING.has(endpoints)) return undefined;
    throw new CaiError("trustee.import-insecure", `a role ${DEFAULT_ROLE} has every right here, and had not there`);
  }
  const role = roleContent.safeParse({ rights: "all", endpoints: [endpoints] });
  if (!role.success) throw unusable("its expression cannot be used");
  return role.data;
}

/**
 * @param roles  those that its tokens may name
 * @throws CaiError `trustee.import-unreadable`
 */
export function readOldProvider(provider: OldProvider, roles: readonly string[], place: SourcePlace): AdministratorContent {
  const { issuer, audience, publicKey, jwkSet } = provider;
  const content = administratorContent.safeParse({
    kind: "identity-provider",
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
    ...(publicKey !== undefined && jwkSet === undefined && { public_key: publicKeyText(publicKey, place) }),
    ...(jwkSet !== undefined && { jwk_set_uri: jwkSet }),
    roles,
  });
  if (content.success) return content.data;
  const [issue] = content.error.issues;
  throw unusable(`the identity provider cannot be used: /${issue?.path.join("/") ?? ""}: ${issue?.message ?? ""}`);
}

function publicKeyText(uri: string, place: SourcePlace): string {
  if (/^https?:/.test(uri)) throw unusable("its key is behind an address: fetch it, and give the file to `cai trustee admin add`");
  return readSourceFile(place.resolve(uri.startsWith("file:") ? fileURLToPath(uri) : uri), MAX_KEY).toString("latin1");
}

function unusable(why: string): CaiError {
  return new CaiError("trustee.import-unreadable", why);
}
