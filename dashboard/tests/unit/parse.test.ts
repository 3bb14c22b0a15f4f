import assert from "node:assert/strict";
import { test } from "node:test";

import type { Measurement, Report } from "../../src/contract.ts";
import { leaves, parseConfig, parseFault, parseHealth, parseReport, parseStatus, parseStudy } from "../../src/parse.ts";
import { fault, report, status, study } from "../support/fixtures.ts";

function read(value: unknown): Report {
  const result = parseReport(value);
  assert.equal(result.kind, "report");
  return (result as { report: Report }).report;
}

function readMeasurement(change: Record<string, unknown>): Measurement {
  const base = { name: "sva", level: null, value: 12.5, unit: "mm", ci90: [11, 14], status: "ok", reason: null };
  const [one] = read(report(1, { measurements: [{ ...base, ...change }] })).measurements;
  assert.ok(one);
  return one;
}

test("a report of the contract is read whole", () => {
  const read1 = read(report(7));
  assert.equal(read1.report_id, "r-000007");
  assert.equal(read1.seq, 7);
  assert.equal(read1.received_at, Date.UTC(2025, 2, 4, 9, 11, 19));
  assert.equal(read1.quality.verdict, "accept");
  assert.equal(read1.measurements.length, 5 + 6 * 5 + 4 * 5);
  assert.deepEqual(read1.measurements[0], {
    name: "c2_c7_cobb", level: null, unit: "deg", status: "ok", value: 12.4, ci90: [12.4 - 2.1, 12.4 + 2.1], reason: null,
    convention: "angle from C7's inferior to C2's inferior end-plate; lordosis positive", source: "paper A, eqs 9-12",
  });
  assert.equal(read1.engine.models[0], "detector aaaaaaaaaaaa");
  assert.equal(read1.timing_ms.total, 1090);
});

test("what /1 may leave out is null and what it may add is ignored", () => {
  const bare = read({ schema: "sagitta.report/1", report_id: "a", device: "d", something_new: { deep: [1] } });
  assert.equal(bare.quality.verdict, "unknown");
  assert.equal(bare.received_at, null);
  assert.equal(bare.seq, null);
  assert.deepEqual(bare.measurements, []);
});

test("another schema is named and not guessed at", () => {
  assert.deepEqual(parseReport({ ...report(1), schema: "sagitta.report/2" }), { kind: "unknown_schema", schema: "sagitta.report/2", id: "r-000001" });
});

test("what is no report says why", () => {
  for (const value of [null, 3, "x", [], {}, { schema: "sagitta.report/1" }, { schema: "sagitta.report/1", report_id: "a" }]) {
    assert.equal(parseReport(value).kind, "malformed");
  }
});

test("a withheld measurement never carries a number, even if the payload does", () => {
  const m = readMeasurement({ status: "withheld", value: 99, reason: "no scale" });
  assert.deepEqual([m.status, m.value, m.ci90, m.reason], ["withheld", null, null, "no scale"]);
});

test("a measurement that says ok without a number is withheld", () => {
  for (const value of [null, undefined, "12", true]) assert.equal(readMeasurement({ value }).status, "withheld");
});

test("a status that is not known makes a number unreliable, not ok", () => {
  const m = readMeasurement({ status: "excellent" });
  assert.equal(m.status, "unreliable");
  assert.match(m.reason ?? "", /excellent/);
});

test("an interval that runs backwards or holds no numbers is none", () => {
  for (const ci90 of [[14, 11], [1], ["a", "b"], "x", null]) assert.equal(readMeasurement({ ci90 }).ci90, null);
});

test("a verdict that is not known keeps its word", () => {
  const { quality } = read(report(1, { quality: { verdict: "ponder" } }));
  assert.deepEqual([quality.verdict, quality.verdict_word], ["unknown", "ponder"]);
});

test("exposure is read as a word or as an object with its state", () => {
  assert.equal(read(report(1, { quality: { verdict: "accept", exposure: "good" } })).quality.exposure, "good");
  assert.equal(read(report(1, { quality: { verdict: "accept", exposure: { state: "under" } } })).quality.exposure, "under");
});

test("text longer than any honest one is cut", () => {
  const long = "x".repeat(100_000);
  const { source, notice } = read(report(1, { source: { file: long }, notice: long }));
  assert.ok(source.file.length < 400 && (notice?.length ?? 0) < 2100);
});

test("a list longer than any honest one is cut", () => {
  const many = Array.from({ length: 10_000 }, () => ({ name: "sva", value: 1, unit: "mm", status: "ok" }));
  assert.equal(read(report(1, { measurements: many })).measurements.length, 500);
});

test("status, fault, health and study are read", () => {
  assert.equal(parseStatus(status("degraded", "hot"))?.state, "degraded");
  assert.equal(parseStatus(status("dreaming"))?.state_word, "dreaming");
  assert.equal(parseStatus(null), null);
  assert.equal(parseFault(fault("a/b.dcm"))?.code, "truncated");
  assert.equal(parseFault("x"), null);
  assert.equal(parseHealth({ passed_over_today: 4 })?.passed_over_today, 4);
  const old = parseStudy("k", { summary: "One.", missing: ["extension"] });
  assert.deepEqual([old?.summary, old?.summaries, old?.missing, old?.films, old?.dynamic], [["One."], [["en", ["One."]]], ["extension"], [], null]);
  const whole = parseStudy("k", study());
  assert.deepEqual(whole?.films.map((film) => [film.position, film.status]), [["neutral", "current"], ["flexion", "replaced"], ["flexion", "current"], ["extension", "current"]]);
  assert.deepEqual(whole?.dynamic?.levels.map((motion) => motion.stability), ["stable", "stable", "unstable", "insufficient_effort", "undetermined"]);
  assert.equal(whole?.dynamic?.levels[4]?.slip_change?.value, null, "what is withheld carries no number");
  assert.deepEqual(whole?.summaries.map(([language]) => language), ["en", "zh-Hans"]);
});

test("leaves show what is there, to a limit", () => {
  assert.deepEqual(leaves({ a: { b: 1, c: null }, d: ["x"] }), [["a b", "1"], ["d 1", "x"]]);
  assert.equal(leaves(Array.from({ length: 1000 }, (_, i) => i)).length, 80);
});

test("a configuration without prefix or device is refused with the reason", () => {
  assert.match(String(parseConfig({})), /prefix/);
  assert.match(String(parseConfig({ prefix: "p", devices: [] })), /device/);
  assert.deepEqual(parseConfig({ version: "1", prefix: "p", devices: ["d"], broker: { port: 9001, protocol: 4 } }), {
    version: "1", prefix: "p", devices: ["d"], broker: { url: null, port: 9001, path: "/mqtt", protocol: 4 },
  });
  assert.equal((parseConfig({ prefix: "p", devices: ["d"], broker: null }) as { broker: unknown }).broker, null);
});
