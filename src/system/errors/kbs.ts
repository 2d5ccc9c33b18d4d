import type { CatalogueEntry } from "./entry.ts";

/** Errors of the key broker protocol; both ends use them, and they are the same on the wire. */
export const kbsErrors = {
  "kbs.path-invalid": {
    exit: 2,
    cause: "A resource name is not of the form repository/type/tag.",
    remedy: "Write kbs:///repository/type/tag with letters, digits, `_`, `-` and `.` (not first).",
  },
  "kbs.message-malformed": {
    exit: 1,
    cause: "A message of the KBS protocol lacks a member, or one has the wrong form.",
    remedy: "Correct what the message names; between programs, check that both ends speak version 0.4.0 and that the address is a trustee.",
  },
  "kbs.version-unsupported": {
    exit: 1,
    cause: "The guest, or its token, is of a version of the KBS protocol that this trustee does not speak.",
    remedy: "Use an agent that speaks 0.4.0, or allow its version at the trustee (--protocol-versions).",
  },
  "kbs.hash-unsupported": {
    exit: 1,
    cause: "The other end chose a hash algorithm that is not available here.",
    remedy: "Use an end that offers sha384.",
  },
  "kbs.tee-unsupported": {
    exit: 1,
    cause: "The guest names a platform that this trustee cannot verify.",
    remedy: "Attest from a supported platform.",
  },
  "kbs.tee-key-invalid": {
    exit: 3,
    cause: "The guest's key is not one that answers can be encrypted to.",
    remedy: "Use an EC P-256 key with alg ECDH-ES+A256KW.",
  },
  "kbs.evidence-purpose": {
    exit: 3,
    cause: "The evidence or token was made for another use: its hashed data has other members than this use has.",
    remedy: "Make evidence for this use; evidence never serves two.",
  },
  "kbs.evidence-tid": {
    exit: 3,
    cause: "The evidence names another trustee than this one.",
    remedy: "Attest to the trustee that the agent is configured with; a relayed challenge ends here.",
  },
  "kbs.evidence-class": {
    exit: 3,
    cause:
      "The primary evidence is not of a CPU platform, additional evidence is, or a platform comes twice where a token can name it once.",
    remedy: "Send the CPU platform's evidence as primary evidence and devices as additional; for a simple token, one device of a kind.",
  },
  "kbs.binding-untagged": {
    exit: 3,
    cause: "The evidence carries untagged report data where tagged report data was negotiated or is required.",
    remedy: "Attest with an agent that tags report data.",
  },
  "kbs.session-unknown": {
    exit: 3,
    cause: "The request carries no session cookie, or one that is unknown or has ended.",
    remedy: "Start again with auth.",
  },
  "kbs.session-used": {
    exit: 3,
    cause: "The session was attested before, with another body.",
    remedy: "Start again with auth; a session attests once.",
  },
  "kbs.nonce-spent": {
    exit: 3,
    cause: "The nonce was used before.",
    remedy: "Start again with auth; a nonce is good for one attempt, also a failed one.",
  },
  "kbs.nonce-expired": {
    exit: 3,
    cause: "The nonce is older than it may be.",
    remedy: "Start again with auth and check the clocks of both ends.",
  },
  "kbs.nonce-foreign": {
    exit: 3,
    cause: "The nonce was made for another session, platform, version or trustee.",
    remedy: "Start again with auth and keep the session cookie.",
  },
  "kbs.token-missing": {
    exit: 3,
    cause: "The request carries no attestation token and no attested session.",
    remedy: "Attest first; agents start this way on purpose.",
  },
  "kbs.token-malformed": { exit: 3, cause: "The token is not an attestation token of the form that is expected.", remedy: "Attest again." },
  "kbs.token-signature": { exit: 3, cause: "The token's signature is not by this trustee's signer.", remedy: "Attest to this trustee." },
  "kbs.token-expired": {
    exit: 3,
    cause: "The token has expired, or is not yet valid.",
    remedy: "Attest again and check the clocks of both ends.",
  },
  "kbs.token-use": {
    exit: 3,
    cause: "The token was minted for another use than opening resources.",
    remedy: "Attest by the key broker protocol; tokens of the attestation service open nothing.",
  },
  "kbs.token-issuer": {
    exit: 3,
    cause: "The token was minted by another trustee, or in the other world (production, simulated).",
    remedy: "Attest to this trustee.",
  },
  "kbs.token-policy": {
    exit: 3,
    cause: "The token was appraised under a policy that is not the one in force now.",
    remedy: "Attest again.",
  },
  "kbs.token-not-fresh": {
    exit: 3,
    cause: "The token's evidence was not bound to a nonce of this trustee.",
    remedy: "Attest by the key broker protocol.",
  },
  "kbs.policy-denied": {
    exit: 3,
    cause: "The resource policy did not allow the release.",
    remedy: "Look up the decision at the trustee; `cai policy explain` shows what decided.",
  },
  "kbs.decision-missing": {
    exit: 1,
    cause: "There is no decision of that number or id among those that the administrator may read.",
    remedy: "List them with `cai decisions ls`; the oldest are dropped in the end.",
  },
  "kbs.resource-missing": { exit: 1, cause: "There is no such resource.", remedy: "Check the name; store it with `cai resource set`." },
  "kbs.resource-exists": {
    exit: 1,
    cause: "A resource of that name exists already.",
    remedy: "Choose another name, or replace it deliberately.",
  },
  "kbs.plugin-unknown": { exit: 1, cause: "The trustee has no such plugin.", remedy: "Check the address." },
  "kbs.method-unsupported": {
    exit: 1,
    cause: "The trustee has such a path, but not for this method.",
    remedy: "Use one of the methods that the answer's header Allow names.",
  },
  "kbs.plugin-unencrypted": {
    exit: 2,
    cause: "A plugin would answer a guest's token in the clear, so whoever steals a token would have the answer.",
    remedy: "Use a plugin that says its answers are encrypted, or that wants an administrator.",
  },
  "kbs.plugin-conflict": {
    exit: 2,
    cause: "Two plugins have the same name or answer the same call.",
    remedy: "Leave one of them out.",
  },
  "kbs.envelope-unreadable": {
    exit: 1,
    cause: "A resource is an encrypted envelope that none of this trustee's envelope keys opens.",
    remedy: "Encrypt it anew to the key that GET resource/pubkey gives, and store it again.",
  },
  "kbs.request-too-large": {
    exit: 1,
    cause: "The request is larger than the trustee accepts.",
    remedy: "Send less, or raise the limit at the trustee.",
  },
  "kbs.busy": {
    exit: 4,
    cause: "The trustee has more work queued than it accepts.",
    remedy: "Try again after the time that the answer names.",
  },
  "kbs.request-timeout": {
    exit: 4,
    cause: "The request's body did not arrive whole, or not in time.",
    remedy: "Check the network between.",
  },
  "kbs.init-data-invalid": {
    exit: 3,
    cause: "The init data is not TOML of the known form, or names a digest algorithm that is not available.",
    remedy: "Send the exact text that the guest was started with, with version, algorithm and [data].",
  },
  "kbs.policy-id-invalid": {
    exit: 2,
    cause: "A policy id has characters that ids may not have.",
    remedy: "Use letters, digits, `_` and `-`.",
  },
  "kbs.policy-missing": { exit: 1, cause: "There is no policy of that id.", remedy: "List the policies." },
  "kbs.policy-protected": { exit: 1, cause: "The policy in force cannot be deleted.", remedy: "Replace it instead." },
  "kbs.signer-time": {
    exit: 2,
    cause: "A token signer was to begin in the past, or too far ahead.",
    remedy: "Name a time from now on, at most 30 days ahead.",
  },
  "kbs.signers-too-many": {
    exit: 1,
    cause: "So many token signers are announced, or have tokens around, that there can be no more.",
    remedy: "Wait until tokens of earlier signers have expired; `cai trustee signer ls` shows when.",
  },
  "kbs.reference-invalid": {
    exit: 2,
    cause: "A reference value message is not of the known form.",
    remedy: 'Send version 0.1.0, type sample, and a base64 payload of {"name": value}.',
  },
  "kbs.reference-missing": { exit: 1, cause: "There is no reference value of that name.", remedy: "List the reference values." },
  "kbs.provenance-unsupported": {
    exit: 1,
    cause: "The reference values come with provenance that this version cannot verify, and unverified provenance is not taken.",
    remedy: "Verify it where it can be, then set the values: type sample, or `cai reference set`.",
  },
  "kbs.realm-missing": { exit: 1, cause: "There is no realm of that name.", remedy: "List the realms: `cai trustee realm ls`." },
  "kbs.realm-not-empty": {
    exit: 1,
    cause: "The realm still has secrets, reference values, deny rows or roles.",
    remedy: "Remove those first; what a realm holds never falls to another one.",
  },
  "kbs.denial-missing": { exit: 1, cause: "There is no such deny row.", remedy: "List them: `cai trustee deny ls`." },
} as const satisfies Record<string, CatalogueEntry>;
