import assert from "node:assert/strict";
import { test } from "node:test";

import type { Report } from "../../src/contract.ts";
import { parseFault, parseHealth, parseReport } from "../../src/parse.ts";
import { MAX_FAULTS, MAX_REPORTS, decisionOf, initial, keyOf, passedOver, reduce, type Event, type State } from "../../src/store.ts";
import { fault, notANeck, report } from "../support/fixtures.ts";

function read(value: unknown): Report {
  const result = parseReport(value);
  if (result.kind !== "report") throw new Error(result.kind);
  return result.report;
}

const after = (events: readonly Event[], state: State = initial(0)): State => events.reduce(reduce, state);
const live = (seq: number, change = {}): Event => ({ type: "report", report: read(report(seq, change)) });
const seqs = (state: State): (number | null)[] => state.reports.map((r) => r.seq);

test("the newest film stands on top, in whatever order they come", () => {
  for (const order of [[1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3]]) {
    assert.deepEqual(seqs(after(order.map((seq) => live(seq)))), [4, 3, 2, 1]);
  }
});

test("a film that is delivered again, live or from memory, stands in the list once", () => {
  const once = after([live(1), live(2)]);
  const page: Event = { type: "page", reports: [read(report(2)), read(report(1))], older: null };
  assert.deepEqual(seqs(after([live(2), live(1), page, live(2)], once)), [2, 1]);
});

test("a later word on the same film takes the place of the earlier one, never the other way", () => {
  const first = live(5);
  const later: Event = { type: "report", report: { ...read(report(5)), seq: 9, notice: "later" } };
  assert.equal(after([first, later]).reports[0]?.notice, "later");
  assert.equal(after([later, first]).reports[0]?.notice, "later");
  assert.equal(after([later, first]).reports.length, 1);
});

test("the same report id in two rooms is two films", () => {
  assert.equal(after([live(1), live(1, { device: "room-2" })]).reports.length, 2);
});

test("only a new, live film is announced", () => {
  const one = after([live(1)]);
  assert.equal(one.latest, keyOf(read(report(1))));
  assert.equal(after([live(0, { historical: true })], one).latest, one.latest);
  assert.equal(after([{ type: "page", reports: [read(report(9))], older: null }], one).latest, one.latest);
});

test("films that are no neck are counted once and not listed", () => {
  const passed: Event = { type: "report", report: read(notANeck(3)) };
  const state = after([passed, passed, live(1)]);
  assert.deepEqual(seqs(state), [1]);
  assert.equal(passedOver(state), 1);
  const health: Event = { type: "health", device: "room-1", health: parseHealth({ passed_over_today: 12 }) };
  assert.equal(passedOver(after([health], state)), 12);
});

test("the list and the faults are bounded, and the newest stay", () => {
  const films = Array.from({ length: MAX_REPORTS + 20 }, (_, i) => live(i));
  const state = after(films);
  assert.equal(state.reports.length, MAX_REPORTS);
  assert.equal(state.reports[0]?.seq, MAX_REPORTS + 19);
  const faults = Array.from({ length: MAX_FAULTS + 5 }, (_, i): Event => ({ type: "fault", fault: parseFault(fault(`${i}.dcm`))! }));
  assert.equal(after(faults).faults.length, MAX_FAULTS);
});

test("a fault that is delivered twice is one fault", () => {
  const one: Event = { type: "fault", fault: parseFault(fault("a.dcm"))! };
  assert.equal(after([one, one]).faults.length, 1);
});

test("reports of an unknown schema are counted once, by schema", () => {
  const stranger = (schema: string, id: string): Event => ({ type: "stranger", schema, id });
  const state = after([stranger("r/2", "a"), stranger("r/3", "b"), stranger("r/2", "c"), stranger("r/2", "a")]);
  assert.deepEqual(state.strangers, [{ schema: "r/2", ids: ["c", "a"] }, { schema: "r/3", ids: ["b"] }]);
});

test("the clock of a lost connection starts when it was lost", () => {
  const lost = (since: number): Event => ({ type: "link", link: { state: "lost", since, detail: null } });
  assert.equal(after([lost(10), lost(20), lost(30)]).link.since, 10);
});

test("a closed gap does not move the end of the list", () => {
  const state = after([{ type: "page", reports: [], older: 40 }, { type: "page", reports: [], older: undefined }]);
  assert.equal(state.older, 40);
});

test("an overlay that was dropped is forgotten", () => {
  const put = (key: string, dropped: string[]): Event => ({ type: "overlay", key, url: `blob:${key}`, dropped });
  assert.deepEqual(after([put("a", []), put("b", ["a"])]).overlays, { b: "blob:b" });
});

test("a decision comes with the report, is replaced by a later answer, and a refusal changes nothing", () => {
  const word = { action: "repeat", reason: "positioning", by: "RT 7", at: "2026-03-01T12:00:00.000Z" };
  const film = read(report(3, { decision: word }));
  const stands = { action: "repeat", reason: "positioning", by: "RT 7", at: Date.UTC(2026, 2, 1, 12) } as const;
  const answer = (decision: typeof stands | null, error: string | null): Event => ({
    type: "answer", device: film.device, answer: { report_id: film.report_id, error, decision },
  });
  const loaded = after([{ type: "report", report: film }]);
  assert.deepEqual(decisionOf(loaded, film), { decision: stands, error: null });
  const refused = after([answer(null, "no such reason")], loaded);
  assert.deepEqual(decisionOf(refused, film), { decision: stands, error: "no such reason" });
  const withdrawn = after([answer(null, null)], refused);
  assert.deepEqual(decisionOf(withdrawn, film), { decision: null, error: null });
  assert.deepEqual(decisionOf(after([answer(null, "again")], withdrawn), film), { decision: null, error: "again" });
});

test("answers are bounded", () => {
  const many = Array.from({ length: MAX_REPORTS + 20 }, (_, i): Event => ({
    type: "answer", device: "room-1", answer: { report_id: `r-${i}`, error: null, decision: null },
  }));
  const answers = after(many).answers;
  assert.equal(Object.keys(answers).length, MAX_REPORTS);
  assert.ok(`room-1/r-${MAX_REPORTS + 19}` in answers && !("room-1/r-0" in answers));
});
