import { CaiError, type HttpClient, isLoopbackHost } from "../../../system/index.ts";
import { type Finding, found, ok } from "../finding.ts";
import { clockAgainst } from "./clock.ts";

/** Whether a trustee answers, and whether its clock agrees. @param now  seconds since 1970 */
export async function trustee(client: HttpClient, url: URL, now: number): Promise<Finding[]> {
  const id = "trustee.reachable";
  const plain: Finding[] =
    url.protocol === "http:" && !isLoopbackHost(url.hostname)
      ? [
          found(
            "warning",
            "trustee.plain-http",
            `${url.origin} is reached without TLS, so nothing but a pin says who answers`,
            "use https, or --trustee-pin tid:… with every command of the agent",
          ),
        ]
      : [];
  try {
    const { status, headers } = await client.request({ method: "GET", url: new URL("healthz", withSlash(url)) });
    const answer = status === 200 ? "answers and says that it is well" : `answers (status ${status}), though not as a trustee of cai does`;
    const reached = status === 200 ? ok(id, `the trustee at ${url.origin} ${answer}`) : found("info", id, `${url.origin} ${answer}`);
    return [reached, ...plain, ...clockAgainst(url.origin, headers.get("date") ?? "", now)];
  } catch (error) {
    if (!(error instanceof CaiError)) throw error;
    const got = error.got === undefined ? "" : ` (${error.got})`;
    const mend = error.id === "net.tls-failed" ? "name its certificate authority with --ca" : `curl -v ${url.origin}/healthz`;
    return [found("problem", id, `the trustee cannot be reached: ${error.message}${got}`, mend), ...plain];
  }
}

function withSlash(url: URL): URL {
  return url.pathname.endsWith("/") ? url : new URL(`${url.href}/`);
}
