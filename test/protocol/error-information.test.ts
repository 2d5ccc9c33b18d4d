import { describe, expect, test } from "bun:test";
import { encodeErrorAnswer, parseErrorInformation } from "../../src/protocol/index.ts";
import { catalogue, type ErrorId } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";
import { json, utf8 } from "./samples.ts";

const PLACES = ["auth", "attest", "resource", "admin", "attestation-policy"] as const;

describe("error answers", () => {
  test.each([
    ["kbs.token-missing", "resource", 401, "TokenNotFound"],
    ["kbs.token-expired", "resource", 401, "TokenVerifierError"],
    ["kbs.policy-denied", "resource", 403, "PolicyDeny"],
    ["policy.simulated", "resource", 403, "PolicyDeny"],
    ["kbs.resource-missing", "resource", 404, "PluginInternalError"],
    ["kbs.path-invalid", "resource", 404, "InvalidRequestPath"],
    ["kbs.plugin-unknown", "resource", 404, "PluginNotFound"],
    ["internal.unexpected", "resource", 500, "PluginInternalError"],
    ["internal.unexpected", "admin", 500, "PluginInternalError"],
    ["kbs.message-malformed", "auth", 502, "AttestationError"],
    ["kbs.version-unsupported", "auth", 502, "AttestationError"],
    ["kbs.message-malformed", "attest", 502, "AttestationError"],
    ["kbs.message-malformed", "admin", 400, "SerdeError"],
    ["kbs.message-malformed", "resource", 400, "SerdeError"],
    ["kbs.nonce-spent", "attest", 502, "AttestationError"],
    ["policy.debug", "attest", 502, "AttestationError"],
    ["kbs.session-used", "attest", 401, "AttestationError"],
    ["kbs.tee-key-invalid", "attest", 400, "AttestationError"],
    ["kbs.busy", "attest", 503, "AttestationError"],
    ["kbs.request-too-large", "admin", 413, "SerdeError"],
    ["admin.unauthenticated", "admin", 401, "AdminAuth"],
    ["admin.forbidden", "admin", 403, "AdminAuth"],
    ["policy.parse-error", "admin", 500, "PolicyEngine"],
    ["policy.parse-error", "attestation-policy", 400, "AttestationError"],
    ["kbs.policy-id-invalid", "attestation-policy", 400, "AttestationError"],
    ["kbs.reference-invalid", "admin", 400, "AttestationError"],
    ["kbs.version-unsupported", "resource", 401, "TokenVerifierError"],
    ["kbs.envelope-unreadable", "resource", 500, "PluginInternalError"],
    ["kbs.method-unsupported", "resource", 405, "InvalidRequestPath"],
    ["store.record-tampered", "resource", 500, "PluginInternalError"],
  ] as const)("%s at %s is status %i and variant %s", (id, place, status, variant) => {
    const answer = encodeErrorAnswer(id, place);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body).type).toBe(`https://github.com/confidential-containers/kbs/errors/${variant}`);
    expect(parseErrorInformation(utf8(answer.body))).toMatchObject({ variant, id });
  });

  test.each([
    ["kbs.path-invalid", 404, "InvalidRequestPath", "Request path /kbs/v0/resource/a is invalid"],
    ["kbs.plugin-unknown", 404, "PluginNotFound", "Plugin resource not found"],
    ["kbs.resource-missing", 404, "PluginInternalError", "Plugin internal error"],
    ["kbs.method-unsupported", 405, "InvalidRequestPath", "Request method is not allowed"],
    ["kbs.request-timeout", 408, "PluginInternalError", "Plugin internal error"],
    ["kbs.request-too-large", 413, "SerdeError", "Request too large"],
    ["trustee.clock-behind", 503, "PluginInternalError", "Plugin internal error"],
    ["kbs.policy-denied", 401, "PolicyDeny", "Access denied by policy"],
    ["internal.unexpected", 401, "PluginInternalError", "Plugin internal error"],
    ["kbs.token-missing", 401, "TokenNotFound", "Attestation Token not found"],
    ["admin.forbidden", 401, "AdminAuthAccess", "admin access denied for endpoint /kbs/v0/resource/a"],
    ["kbs.reference-invalid", 401, "RvpsError", "RVPS error"],
  ] as const)("to the CoCo family %s is status %i, %s: %s (trustee.md §1.11)", (id, status, variant, detail) => {
    const answer = encodeErrorAnswer(id, "resource", { family: "coco", path: "/kbs/v0/resource/a" });
    expect(answer.status).toBe(status);
    expect(parseErrorInformation(utf8(answer.body))).toEqual({ variant, detail, id });
  });

  test("to the CoCo family no status is another than those it knows and those that are not about what was asked", () => {
    for (const id of Object.keys(catalogue) as ErrorId[]) {
      for (const place of PLACES) expect([401, 404, 405, 408, 413, 503]).toContain(encodeErrorAnswer(id, place, { family: "coco" }).status);
    }
  });

  test("a requested path is quoted as text, and cut", () => {
    const quoted = (path: string) => JSON.parse(encodeErrorAnswer("kbs.path-invalid", "resource", { path }).body).detail as string;
    expect(quoted('/a"b')).toBe('Request path /a"b is invalid');
    expect(quoted(`/${"x".repeat(5000)}`).length).toBeLessThan(300);
  });

  test("every error id has an answer at every place, with the id, a text and an error status", () => {
    for (const id of Object.keys(catalogue) as ErrorId[]) {
      for (const place of PLACES) {
        const { status, body } = encodeErrorAnswer(id, place);
        expect(status).toBeGreaterThanOrEqual(400);
        const information = parseErrorInformation(utf8(body));
        expect(information.id).toBe(id);
        expect(information.detail).not.toBe("");
      }
    }
  });

  test("the reason stands in the text only where the caller gives one, and the decision id beside it", () => {
    expect(JSON.parse(encodeErrorAnswer("kbs.policy-denied", "resource").body)).toEqual({
      type: "https://github.com/confidential-containers/kbs/errors/PolicyDeny",
      detail: "Access denied by policy",
      id: "kbs.policy-denied",
    });
    const { body } = encodeErrorAnswer("kbs.version-unsupported", "auth", {
      reason: "expect =0.4.0 while the request is 0.1.1",
      decision: "ABC234",
    });
    expect(parseErrorInformation(utf8(body))).toEqual({
      variant: "AttestationError",
      detail: "Attestation error: RCAR handshake Auth failed: expect =0.4.0 while the request is 0.1.1",
      id: "kbs.version-unsupported",
      decision: "ABC234",
    });
  });

  test("an upstream answer has no id, and an id of another form is left out", () => {
    expect(parseErrorInformation(json({ type: "x/TokenNotFound", detail: "d" }))).toEqual({ variant: "TokenNotFound", detail: "d" });
    expect(parseErrorInformation(json({ type: "T", detail: "d", id: "\u001b[31m", decision: "a b" }))).toEqual({
      variant: "T",
      detail: "d",
    });
  });

  test.each([["<html>"], [""], ["[]"], ['{"type":"x"}'], ['{"detail":"x"}'], ['{"type":1,"detail":"x"}']])(
    "%j is no error of the protocol",
    (text) => {
      expect(rejection(() => parseErrorInformation(utf8(text))).id).toBe("kbs.message-malformed");
    },
  );
});
