import type { CatalogueEntry } from "./entry.ts";

/** Errors of the guest agent. */
export const agentErrors = {
  "agent.trustee-unauthenticated": {
    exit: 2,
    cause: "The trustee is reached over plain HTTP across a network, with nothing that proves who answers.",
    remedy: "Use https, or pin the trustee with --trustee-pin tid:\u2026",
  },
  "agent.pin-invalid": {
    exit: 2,
    cause: "A trustee pin is not of a known form.",
    remedy: "Write tid:<43 characters> as `cai trustee init` prints it, or spki:sha256:<base64url>.",
  },
  "agent.trustee-mismatch": {
    exit: 3,
    cause: "Another trustee answered than the pinned one, or the answer was altered on the way.",
    remedy: "Check the address and the pin; if both are right, someone is in between.",
  },
  "agent.token-too-large": {
    exit: 1,
    cause: "What answers for the trustee takes no headers as large as the token, which holds the claims of this machine's event log.",
    remedy: "Raise the limit of header sizes of the proxy before the trustee; the trustee itself takes 256 KiB.",
  },
  "agent.trustee-unreachable": {
    exit: 4,
    cause: "The trustee did not answer, after several attempts.",
    remedy: "Check the address, that the trustee runs, and the network between.",
  },
  "agent.attestation-rejected": {
    exit: 3,
    cause: "The trustee did not accept this machine's evidence.",
    remedy: "The detail and the decision id in the message tell the trustee's operator why.",
  },
  "agent.token-not-mine": {
    exit: 3,
    cause: "The token that came back is for another key than this agent's.",
    remedy: "Attest again; if it stays, the session is being interfered with.",
  },
  "agent.token-refused": {
    exit: 3,
    cause: "The trustee did not accept the attestation token.",
    remedy: "Attest again; a token is good for minutes, at the trustee that made it.",
  },
  "agent.response-mismatch": {
    exit: 3,
    cause: "The answer is for another resource or another request than the one that was made.",
    remedy: "Try again; if it stays, someone swaps answers on the way.",
  },
  "agent.response-not-for-us": {
    exit: 3,
    cause: "The answer is encrypted to the key of the machine that attested, and that is not this one.",
    remedy: "Attest with this machine; a token alone opens nothing.",
  },
  "agent.resource-denied": {
    exit: 3,
    cause: "The trustee attested this machine but its policy does not release the resource.",
    remedy: "The decision id in the message lets the trustee's operator see why.",
  },
  "agent.resource-not-found": {
    exit: 1,
    cause: "The trustee has no such resource.",
    remedy: "Check the name; the owner stores it with `cai model encrypt --trustee` or `cai resource set`.",
  },
  "agent.resource-invalid": {
    exit: 1,
    cause: "The resource is not what the agent needs: a key has 32 bytes, a root one line of sha256:<hex>.",
    remedy: "Store it again with `cai model encrypt --trustee`.",
  },
  "agent.no-tee": {
    exit: 1,
    cause: "This machine is no TEE that the agent can get evidence from.",
    remedy: "Run inside a TEE, or try out with --simulated-tdx (see `cai sim tdx`).",
  },
  "agent.evidence-busy": {
    exit: 1,
    cause: "More evidence is asked for at once than this machine can make; quotes are made one at a time.",
    remedy: "Ask again in a few seconds.",
  },
  "agent.resource-unknown": {
    exit: 2,
    cause: "Neither the command line nor the artefact says which resource holds the model's key.",
    remedy: "Give --resource kbs:///repository/type/tag.",
  },
  "agent.swap-enabled": {
    exit: 3,
    cause: "The machine swaps to a disk, where plaintext would be written.",
    remedy: "Turn swap off (swapoff -a) or use zram; --accept-swap takes the risk and is recorded.",
  },
  "agent.trustee-failed": {
    exit: 1,
    cause: "The trustee answered with an error that is neither a verdict nor a missing resource.",
    remedy: "Look into the trustee's log.",
  },
  "agent.report-data-reserved": {
    exit: 3,
    cause: "The report data lies in the space that the agent keeps for its own attestation.",
    remedy: "Choose other report data: bytes 48 to 54 must not read `cai/v1/`.",
  },
  "agent.report-data-length": {
    exit: 2,
    cause: "Report data is longer than the 64 bytes that evidence carries.",
    remedy: "Give at most 64 bytes, or hash the data first.",
  },
} as const satisfies Record<string, CatalogueEntry>;
