import { adminErrors } from "./admin.ts";
import { agentErrors } from "./agent.ts";
import { asErrors } from "./as.ts";
import { cliErrors } from "./cli.ts";
import { cryptoErrors } from "./crypto.ts";
import { demoErrors } from "./demo.ts";
import { doctorErrors } from "./doctor.ts";
import { eventlogErrors } from "./eventlog.ts";
import { kbsErrors } from "./kbs.ts";
import { modelErrors } from "./model.ts";
import { netErrors } from "./net.ts";
import { ownerErrors } from "./owner.ts";
import { policyErrors } from "./policy.ts";
import { sampleErrors } from "./sample.ts";
import { sgxErrors } from "./sgx.ts";
import { storeErrors } from "./store.ts";
import { tdxErrors } from "./tdx.ts";
import { tdxAttestErrors } from "./tdx-attest.ts";
import { teeErrors } from "./tee.ts";
import { trusteeErrors } from "./trustee.ts";

/** Every error id of the program. Ids are stable: the same on the wire, in logs, in metrics and in the reference page. */
export const catalogue = {
  ...adminErrors,
  ...agentErrors,
  ...asErrors,
  ...cliErrors,
  ...cryptoErrors,
  ...demoErrors,
  ...doctorErrors,
  ...eventlogErrors,
  ...kbsErrors,
  ...modelErrors,
  ...netErrors,
  ...ownerErrors,
  ...policyErrors,
  ...sampleErrors,
  ...storeErrors,
  ...sgxErrors,
  ...tdxErrors,
  ...tdxAttestErrors,
  ...teeErrors,
  ...trusteeErrors,
} as const;

/** A stable, dotted error id. */
export type ErrorId = keyof typeof catalogue;
