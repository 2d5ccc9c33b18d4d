import type { CatalogueEntry } from "./entry.ts";

export const policyErrors = {
  "policy.parse-error": {
    exit: 2,
    cause: "The text is no Rego: the message names line and column and what was expected there.",
    remedy: "Correct the policy at that place.",
  },
  "policy.compile-error": {
    exit: 2,
    cause: "The policy parses but cannot run: an unsafe variable, a recursion, an unknown function or rules that conflict.",
    remedy: "Correct the rule at the line and column of the message.",
  },
  "policy.builtin-unavailable": {
    exit: 2,
    cause:
      "The policy calls a built-in function that is not offered: it needs the network, files, the environment or chance, or it is out of scope.",
    remedy: "Pass what it would fetch as input or data, or leave the call out.",
  },
  "policy.input-invalid": {
    exit: 2,
    cause: "The input or data document for a policy is no JSON text.",
    remedy: "Give a file with one JSON value.",
  },
  "policy.eval-error": {
    exit: 3,
    cause: "A built-in function was given a value it cannot take, or rules gave two different values.",
    remedy: "Guard the expression at the line and column of the message, or make the rules agree.",
  },
  "policy.limit-exceeded": {
    exit: 3,
    cause: "The policy needed more steps, time, depth or memory than a policy is given.",
    remedy: "Make the policy do less: avoid nested iteration over large collections and very long strings.",
  },
  "policy.claim-invalid": {
    exit: 3,
    cause: "A trust claim of the attestation policy is no integer from -128 to 127.",
    remedy: "Let the rule give an integer of the EAR trust tiers.",
  },
  "policy.extension-invalid": {
    exit: 3,
    cause:
      "What the attestation policy would add to the token is not of the form that its rule `extensions` has, or takes a name that is taken.",
    remedy: "Give an array of objects with a name, an integer key and a value, each name and key once.",
  },
  "policy.no-claims": {
    exit: 3,
    cause: "The attestation policy set none of the eight trust claims.",
    remedy: "Give at least one of them a default, for example `default hardware := 97`.",
  },
  "policy.denied": {
    exit: 3,
    cause: "The resource policy did not say exactly true.",
    remedy: "Read the policy against the token's claims; a new trustee denies everything until a policy allows it.",
  },
  "policy.simulated": {
    exit: 3,
    cause: "Simulated evidence met a production store, or the other way round.",
    remedy: "Use a trustee of the same world: `cai trustee init --simulated` makes one for simulated platforms.",
  },
  "policy.debug": {
    exit: 3,
    cause: "The TEE runs with a debug attribute, so its host can read it.",
    remedy: "Start the TEE without debug.",
  },
  "policy.collateral-expired": {
    exit: 3,
    cause: "The manufacturer's collateral has expired for longer than the grace period.",
    remedy: "Fetch current collateral.",
  },
  "policy.not-bound": {
    exit: 3,
    cause: "The evidence is not bound to the runtime data of this request.",
    remedy: "Let the agent put the digest of its runtime data into the report data.",
  },
  "policy.not-fresh": {
    exit: 3,
    cause: "Nothing shows that the evidence was made for this request.",
    remedy: "Attest with the trustee's nonce.",
  },
  "policy.platform-denied": {
    exit: 3,
    cause: "The operator denied this machine or this build.",
    remedy: "Use another machine, or remove the deny row if it was a mistake.",
  },
  "policy.tcb-status": {
    exit: 3,
    cause: "The platform's standing in its manufacturer's words is not one that is taken.",
    remedy: "Have the machine's operator update it, or take that standing after reading its advisories: --accept-status.",
  },
  "policy.not-affirmed": {
    exit: 3,
    cause: "The attestation policy does not affirm the evidence.",
    remedy: "Read the policy against the claims: `cai policy explain`.",
  },
  "policy.reference-mismatch": {
    exit: 3,
    cause: "A measurement in the evidence is not among its reference values, or there is none to compare.",
    remedy: "Find out what else runs on the machine; correct the reference values only if that is what should run.",
  },
  "policy.tcb-revoked": {
    exit: 3,
    cause: "The manufacturer revoked the platform's security version.",
    remedy: "Update the platform's firmware and microcode.",
  },
  "policy.check-failed": {
    exit: 1,
    cause: "A policy does not compile, or breaks a rule of the version of the language that was asked for.",
    remedy: "Read the report: each finding has its line, column and a hint.",
  },
  "policy.not-formatted": {
    exit: 1,
    cause: "A policy has another layout than `cai policy fmt` gives it.",
    remedy: "Run `cai policy fmt` with --write.",
  },
  "policy.test-failed": {
    exit: 1,
    cause: "A policy test was not true, or there was none to run.",
    remedy: "Read the report: it names each failing test with its line and reason.",
  },
} as const satisfies Record<string, CatalogueEntry>;
