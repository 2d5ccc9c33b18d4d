import { describe, expect, test } from "bun:test";
import { encodeErrorAnswer, parseErrorInformation } from "../../src/protocol/index.ts";
import { catalogue, type ErrorId } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";
import { json, utf8 } from "./samples.ts";

const PLACES = ["auth", "attest", "resource", "admin"] as const;

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
    ["policy.parse-error", "admin", 400, "PolicyEngine"],
  ] as const)("%s at %s is status %i and variant %s", (id, place, status, variant) => {
    const answer = encodeErrorAnswer(id, place);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body).type).toBe(`https://github.com/confidential-containers/kbs/errors/${variant}`);
    expect(parseErrorInformation(utf8(answer.body))).toMatchObject({ variant, id });
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
