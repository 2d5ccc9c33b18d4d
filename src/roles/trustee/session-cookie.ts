import { randomBytes } from "node:crypto";

const NAME = "kbs-session-id";

/** @returns a new session id: 128 random bits as 32 lower-case hex digits (trustee.md §1.5) */
export function newSessionId(): string {
  return randomBytes(16).toString("hex");
}

/** @returns the session id in a `Cookie` header, or undefined where there is none of the right form */
export function sessionIdOf(cookieHeader: string | null): string | undefined {
  return cookieHeader === null ? undefined : /(?:^|;\s*)kbs-session-id=([0-9a-f]{32})(?:;|$)/.exec(cookieHeader)?.[1];
}

/**
 * @param expires  seconds since 1970
 * @returns a `Set-Cookie` header; without attributes but `Expires`, so that the default path follows whatever prefix a gateway adds
 */
export function sessionCookie(id: string, expires: number): string {
  return `${NAME}=${id}; Expires=${new Date(expires * 1000).toUTCString()}`;
}
