import { expect, test } from "bun:test";
import { obtainEvaluationNumbers, SimulatedPlatform, simulatedPccs } from "../../../../src/tee/tdx/index.ts";
import { anchors, NOW, rejectionId, SEED } from "../testing.ts";
import { type Behaviour, DAY, issuedAt, Services, service, status } from "./services.ts";

const RECENT = Date.UTC(2025, 7, 13) / 1000;
const platform = SimulatedPlatform.create({ seed: SEED, now: NOW });
const honest: Behaviour = (request) =>
  simulatedPccs(() => issuedAt(NOW), { evaluationNumbers: () => platform.evaluationNumbers() })(request);

/** What asking services for the list comes to. */
function ask(behaviours: readonly Behaviour[], now = NOW, tee: "tdx" | "sgx" = "tdx", roots = anchors) {
  const services = new Services(issuedAt(NOW));
  const origins = [service("/file.json"), ...behaviours.map((behaviour, index) => services.add(`http://s${index}`, behaviour))];
  return obtainEvaluationNumbers(origins, tee, { client: services, readFile: () => [], anchors: roots, now: () => now });
}
const changed =
  (from: string | RegExp, to: string): Behaviour =>
  async (request, answer) => {
    const given = await honest(request, answer);
    if (!request.url.includes("numbers")) return given;
    return new Response((await given.text()).replace(from, to), { headers: given.headers });
  };

test("the evaluation numbers are those that the manufacturer signed", async () => {
  expect(await ask([honest])).toEqual({
    tee: "tdx",
    simulated: true,
    issued: NOW,
    nextUpdate: NOW + 30 * DAY,
    numbers: [{ number: 20, recoveryEvent: RECENT, tcbDate: RECENT }],
    origin: "http://s0",
  });
  expect((await ask([status(404), changed("20", "21"), honest])).origin).toBe("http://s2");
});

test("a list that is changed, foreign, revoked, past its date, of another kind or no list is refused", async () => {
  const revoked = SimulatedPlatform.create({ seed: SEED, now: NOW, knobs: { revoked: ["tcb-signing"] } });
  const withRevoked: Behaviour = (request) =>
    simulatedPccs(() => revoked.collateral(), { evaluationNumbers: () => platform.evaluationNumbers() })(request);
  expect(await rejectionId(ask([changed('Number":20', 'Number":21')]))).toBe("tdx.tcb-info-signature-invalid");
  expect(await rejectionId(ask([honest], NOW, "tdx", []))).toBe("tdx.untrusted-root");
  expect(await rejectionId(ask([withRevoked]))).toBe("tdx.tcb-signing-revoked");
  expect(await rejectionId(ask([honest], NOW + 31 * DAY))).toBe("tdx.collateral-expired");
  expect(await rejectionId(ask([changed("tcbEvaluationDataNumbers", "numbers")]))).toBe("tdx.collateral-unavailable");
  expect(await rejectionId(ask([honest], NOW, "sgx"))).toBe("tdx.collateral-unknown");
  expect(await rejectionId(ask([]))).toBe("tdx.collateral-unavailable");
});
