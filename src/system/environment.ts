import { CaiError } from "./error.ts";

/** Variables that make the runtime load foreign code, open a debugger, print requests with their credentials, or accept any certificate. */
const REFUSED = [/^BUN_OPTIONS$/, /^BUN_INSPECT/, /^BUN_JSC_/, /^BUN_CONFIG_/, /^NODE_TLS_REJECT_UNAUTHORIZED$/];

/**
 * Refuses to start in an environment that changes what this executable is (security.md I38, I39).
 *
 * @throws CaiError `cli.unsafe-environment`, naming the variable and never its value
 */
export function refuseUnsafeEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  const name = Object.keys(environment).find((key) => REFUSED.some((pattern) => pattern.test(key)));
  if (name === undefined) return;
  throw new CaiError("cli.unsafe-environment", `the variable ${name} is set`, {
    expected: "an environment without it",
    hint: `start again with: env -u ${name} cai …`,
  });
}
