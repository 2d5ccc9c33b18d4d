import { randomUUID } from "node:crypto";

/** The header that carries a request's id, both ways. */
export const REQUEST_ID_HEADER = "x-request-id";

/** What a client may call its request: nothing that could mean anything to a log, a terminal or a shell. */
const SANE = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Names a request: by what its sender calls it where that is sane, else by chance, so that nobody can tell from a name how much a trustee has to do.
 *
 * @param given  the header of the request
 */
export function requestIdOf(given: string | null): string {
  return given !== null && SANE.test(given) ? given : randomUUID();
}
