import { z } from "zod";
import { KBS_PREFIX } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import type { Metrics } from "./metrics.ts";
import type { Readiness } from "./readiness.ts";
import { NO_BODY, type Route } from "./route.ts";

/** What those who run a trustee ask it. */
export interface OperationParts {
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  /** PEM of the trustee's own certificate authority for TLS, where it has one in use */
  readonly ca: () => string | undefined;
}

const open = { method: "GET", right: "public", bodyLimit: NO_BODY, place: "resource", signed: false } as const;

const note = z.object({ id: z.string().describe("an error id"), about: z.string() });
const readiness = z.object({ ready: z.boolean(), reasons: z.array(note), warnings: z.array(note) });

/**
 * Health and metrics.
 *
 * @param metricsRight  `local` where everything else is served, too: what they tell is no secret, but nobody's business
 */
export function healthRoutes(parts: Pick<OperationParts, "readiness" | "metrics">, metricsRight: "local" | "public"): Route[] {
  return [
    { ...open, path: "/healthz", about: { summary: "Whether the process answers, as upstream trustees say it" }, handle: async () => ({}) },
    { ...open, path: "/livez", about: { summary: "Whether the process answers" }, handle: async () => ({}) },
    {
      ...open,
      path: "/readyz",
      about: { summary: "Whether the trustee can do its work: status 503 with reasons where it cannot", response: readiness },
      async handle() {
        const report = await parts.readiness.report();
        return { status: report.ready ? 200 : 503, body: JSON.stringify(report), headers: { "cache-control": "no-store" } };
      },
    },
    {
      ...open,
      path: "/metrics",
      right: metricsRight,
      about: { summary: "Metrics, in the text format of Prometheus", response: "text/plain" },
      handle: async () => ({ body: await parts.metrics.text(), type: parts.metrics.contentType }),
    },
  ];
}

/** Everything of {@link healthRoutes}, and the certificate authority that agents are to trust. */
export function operationRoutes(parts: OperationParts): Route[] {
  return [
    ...healthRoutes(parts, "local"),
    {
      ...open,
      path: `${KBS_PREFIX}/cai/ca`,
      signed: true,
      about: { summary: "The trustee's own certificate authority for TLS, where it has one in use", response: "application/x-pem-file" },
      async handle() {
        const ca = parts.ca();
        if (ca === undefined) throw new CaiError("kbs.resource-missing", "TLS is not by an authority of the trustee's own");
        return { body: ca, type: "application/x-pem-file" };
      },
    },
  ];
}
