import { randomBytes } from "node:crypto";

/** The header that carries a request's id, both ways. */
export const REQUEST_ID_HEADER = "x-request-id";

/** What a client may call its request: nothing that could mean anything to a log, a terminal or a shell. */
const SANE = /^[A-Za-z0-9._-]{1,64}$/;

/** Names requests: by what their senders call them where that is sane, else by a name that no other request of any replica has. */
export class RequestIds {
  readonly #prefix = randomBytes(9).toString("base64url");
  #number = 0;

  /** @param given  the header of the request */
  idOf(given: string | null): string {
    if (given !== null && SANE.test(given)) return given;
    return `${this.#prefix}.${(this.#number++).toString(36)}`;
  }
}
