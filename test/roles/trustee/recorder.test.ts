import { describe, expect, test } from "bun:test";
import { decisionIdOf, Recorder } from "../../../src/roles/trustee/recorder.ts";
import type { Decision, Store } from "../../../src/roles/trustee/store/index.ts";
import { CaiError, createLogger } from "../../../src/system/index.ts";

function world(switches: readonly string[] = []) {
  const records: Decision[] = [];
  const clock = { now: 0 };
  const log: string[] = [];
  const state = { fails: false };
  const store = {
    decisions: {
      async append(decision: Decision) {
        if (state.fails) throw new CaiError("store.unreadable", "the database is away");
        records.push(decision);
        return { number: records.length, id: `id${records.length}` };
      },
    },
  } as unknown as Store;
  const logger = createLogger("debug", true, (line) => log.push(line));
  const recorder = new Recorder(store, logger, switches, () => clock.now);
  return { records, clock, log, state, recorder };
}

const subject = { time: 1, kind: "attest", client: "192.0.2.1" } as const;
const denied = () => new CaiError("tdx.untrusted-root", "expected one root, got another", { expected: "one", got: "\u001b[31manother" });

/** The ids that so many denials are told. */
async function deny(recorder: Recorder, count: number, client = "192.0.2.1"): Promise<(string | undefined)[]> {
  const ids: (string | undefined)[] = [];
  for (let i = 0; i < count; i++) ids.push(decisionIdOf(await recorder.deny(denied(), { ...subject, client })));
  return ids;
}

describe("a record", () => {
  test("says what was noted on the way, and what was in force", async () => {
    const { recorder, records } = world(["collateral_grace=60"]);
    const draft = recorder.begin({ ...subject, request: "r-1", unverified: { instance_id: "i" } });
    draft.note({ tee: "tdx", detail: { binding: "tagged", claims: [{ name: "a", value: 1 }] } });
    draft.note({ level: "L1", detail: { binding: "plain", claims: [{ name: "b" }] } });
    expect(await draft.allow()).toBe("id1");
    expect(records).toEqual([
      {
        ...subject,
        tee: "tdx",
        level: "L1",
        outcome: "allowed",
        detail: {
          v: 1,
          request: "r-1",
          unverified: { instance_id: "i" },
          switches: ["collateral_grace=60"],
          binding: "plain",
          claims: [{ name: "a", value: 1 }, { name: "b" }],
        },
      },
    ]);
  });

  test("of a denial says the reason to administrators, without what steers a terminal, and gives the error its id", async () => {
    const { recorder, records, log } = world();
    const error = await recorder.deny(denied(), subject);
    expect([error.id, decisionIdOf(error)]).toEqual(["tdx.untrusted-root", "id1"]);
    const { detail } = records[0]! as unknown as { detail: { reason: { got: string } } };
    expect(detail.reason).toMatchObject({ message: "expected one root, got another", expected: "one" });
    expect(detail.reason.got).not.toContain("\u001b");
    expect(log).toHaveLength(1);
    expect(JSON.parse(log[0]!)).toMatchObject({ message: "attest", outcome: "denied", decision: "id1", error: "tdx.untrusted-root" });
  });

  test("of an administrator's change does not name what machines meet", async () => {
    const { recorder, records } = world(["collateral_grace=60"]);
    await recorder.begin({ ...subject, kind: "admin" }).allow();
    expect(records[0]?.detail).toEqual({ v: 1 });
  });

  test("remembers who asked for an attestation", async () => {
    const { recorder } = world();
    const id = await recorder.begin(subject).allow();
    expect([recorder.clientOf(id), recorder.clientOf("other")]).toEqual(["192.0.2.1", undefined]);
  });

  test("that cannot be written fails the decision, allowed or denied", async () => {
    const { recorder, state } = world();
    state.fails = true;
    expect(await recorder.begin(subject).allow().catch(CaiError.from)).toMatchObject({ id: "store.unreadable" });
    expect(await recorder.deny(denied(), subject).catch(CaiError.from)).toMatchObject({ id: "store.unreadable" });
  });
});

describe("a flood of denials (I40)", () => {
  test("is recorded one by one up to a bound, then counted; each is told the id of a record that says so", async () => {
    const { recorder, records, clock } = world();
    const ids = await deny(recorder, 1000);
    expect(records.length).toBe(121);
    expect(new Set(ids).size).toBe(121);
    expect(records.at(-1)).toMatchObject({ kind: "attest", outcome: "denied", error: "trustee.denials-counted" });
    expect(ids.at(-1)).toBe("id121");
    await recorder.settle(2);
    expect(records.length).toBe(121);
    clock.now += 60_000;
    await recorder.settle(62);
    expect(records.length).toBe(122);
    expect(records[121]).toMatchObject({
      time: 62,
      error: "trustee.denials-counted",
      subject: "880 denials that have no record of their own, counted since decision id121",
      detail: { v: 1, suppressed: { "tdx.untrusted-root": 880 } },
    });
    await recorder.settle(200);
    expect(records.length).toBe(122);
  });

  test("keeps nobody else's denial from its record, and no release", async () => {
    const { recorder, records } = world();
    await deny(recorder, 1000);
    const release = { ...subject, kind: "release", subject: "default/key/1" } as const;
    for (let i = 0; i < 300; i++) await recorder.begin(release).allow();
    expect(records.filter(({ kind, outcome }) => kind === "release" && outcome === "allowed")).toHaveLength(300);
    const [id] = await deny(recorder, 1, "192.0.2.2");
    expect(id).toBe(`id${records.length}`);
    const draft = recorder.begin(release);
    draft.note({ attested: true });
    expect(decisionIdOf(await draft.deny(denied()))).toBe(`id${records.length}`);
  });

  test("is counted to the end where the trustee ends first", async () => {
    const { recorder, records } = world();
    await deny(recorder, 200);
    await recorder.settle(5, true);
    expect(records.at(-1)?.detail).toEqual({ v: 1, suppressed: { "tdx.untrusted-root": 80 } });
  });

  test("begins to be counted again where the store was away at first", async () => {
    const { recorder, records, state } = world();
    await deny(recorder, 120);
    state.fails = true;
    expect(await recorder.deny(denied(), subject).catch(CaiError.from)).toMatchObject({ id: "store.unreadable" });
    state.fails = false;
    const [id] = await deny(recorder, 1);
    expect([id, records.at(-1)?.error]).toEqual(["id121", "trustee.denials-counted"]);
  });
});

describe("a flood of appraisals, for which one quote is enough (I40)", () => {
  const appraisal = { ...subject, kind: "appraise" } as const;
  const appraise = async (recorder: Recorder, count: number, client = "192.0.2.1") => {
    for (let i = 0; i < count; i++) await recorder.begin({ ...appraisal, client }).allow();
  };

  test("is recorded one by one up to a bound, then counted, so that it pushes no release out of the log", async () => {
    const { recorder, records, clock } = world();
    await appraise(recorder, 20_000);
    expect(records.length).toBe(1001);
    expect(records.at(-1)).toMatchObject({ kind: "appraise", outcome: "allowed", subject: expect.stringContaining("too many appraisals") });
    for (let i = 0; i < 20; i++) await appraise(recorder, 1001, `192.0.2.${i + 2}`);
    expect(records.length).toBe(4001);
    await recorder.begin({ ...subject, kind: "release" }).allow();
    expect(records.length).toBe(4002);
    clock.now += 60_000;
    await recorder.settle(62);
    expect(records.at(-1)).toMatchObject({
      kind: "appraise",
      subject: "36020 appraisals that have no record of their own, counted since decision id1001",
    });
    await appraise(recorder, 1, "192.0.2.200");
    expect(records.at(-1)).toMatchObject({ client: "192.0.2.200" });
  });

  test("begins to be counted again where the store was away at first", async () => {
    const { recorder, records, state } = world();
    await appraise(recorder, 1000);
    state.fails = true;
    expect(await recorder.begin(appraisal).allow().catch(CaiError.from)).toMatchObject({ id: "store.unreadable" });
    state.fails = false;
    await appraise(recorder, 2);
    expect(records.length).toBe(1001);
  });
});
