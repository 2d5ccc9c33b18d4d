import { CaiError, type HttpClient } from "../../../../src/system/index.ts";
import { parseOrigins } from "../../../../src/tee/tdx/collateral/origin.ts";
import {
  type Collateral,
  type CollateralOrigin,
  type CollateralRequest,
  collateralFor,
  SimulatedPlatform,
  simulatedPccs,
} from "../../../../src/tee/tdx/index.ts";
import { anchors, NOW, quoteOf, SEED } from "../testing.ts";

export const DAY = 86_400;
/** What a quote of the tests' platform needs. */
export const request: CollateralRequest = collateralFor(quoteOf(), anchors, NOW);

/** Collateral of the tests' platform, issued at a time. */
export const issuedAt = (now: number): Collateral => SimulatedPlatform.create({ seed: SEED, now }).collateral();

/** What a service does with a request: answers as it should, or otherwise. */
export type Behaviour = (request: Request, honest: (request: Request) => Response) => Response | Promise<Response>;

export const honest: Behaviour = (request, answer) => answer(request);
export const status =
  (code: number): Behaviour =>
  () =>
    new Response("no", { status: code });

/** Services on a network of their own: no socket is opened. */
export class Services implements HttpClient {
  /** by origin, for example `http://a` */
  readonly #behaviours = new Map<string, Behaviour>();
  /** what is served by those who are honest */
  collateral: Collateral;
  /** every request, as `origin path` */
  readonly asked: string[] = [];

  constructor(collateral: Collateral) {
    this.collateral = collateral;
  }

  /** @returns the origin to ask */
  add(address: string, behaviour: Behaviour = honest): CollateralOrigin {
    this.#behaviours.set(new URL(address).origin, behaviour);
    return service(address);
  }

  /** How often a service was asked for a whole set. */
  sets(address: string): number {
    return this.asked.filter((line) => line.startsWith(`${address} `) && line.includes("/tcb?")).length;
  }

  async request({ url, method, signal }: Parameters<HttpClient["request"]>[0]): ReturnType<HttpClient["request"]> {
    this.asked.push(`${url.origin} ${url.pathname}${url.search}`);
    const behaviour = this.#behaviours.get(url.origin);
    if (behaviour === undefined) throw new CaiError("net.unreachable", `no connection to ${url.origin}`);
    const answer = await behaviour(
      new Request(url.href, { method }),
      simulatedPccs(() => this.collateral),
    );
    signal?.throwIfAborted();
    return { status: answer.status, headers: answer.headers, body: new Uint8Array(await answer.arrayBuffer()) };
  }
}

export function service(address: string): CollateralOrigin {
  const [origin] = parseOrigins(address);
  if (origin === undefined || origin.kind === "alibaba") throw new Error(`${address} is no origin`);
  return origin;
}

/** A behaviour that changes the answers to paths that hold `part`. */
export const changing =
  (part: string, change: (answer: Response) => Response | Promise<Response>): Behaviour =>
  async (request, answer) => {
    const given = answer(request);
    return request.url.includes(part) ? change(given) : given;
  };

/** A behaviour that serves other collateral. */
export const serving =
  (collateral: Collateral): Behaviour =>
  (request) =>
    simulatedPccs(() => collateral)(request);
