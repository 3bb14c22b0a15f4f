import assert from "node:assert/strict";
import { test } from "node:test";

import { bar, thresholdOf } from "../../src/bars.ts";
import { bonesOf, centre, construct, neck, outline, type Point } from "../../src/drawing.ts";
import { parseReport } from "../../src/parse.ts";
import { heard } from "../support/state.ts";
import { findings, landmarks, report } from "../support/fixtures.ts";

function found() {
  const result = parseReport(report(1));
  assert.ok(result.kind === "report");
  return result.report;
}

const distance = ([ax, ay]: Point, [bx, by]: Point): number => Math.hypot(ax - bx, ay - by);

/** Six square bodies of 100 × 80 under one another, patient facing left, the canal 60 behind. */
function ladder() {
  const at = (vertebra: string, corner: string, x: number, y: number) => ({ vertebra, corner, x, y, sigma_px: 1, confidence: 1, stage: "global" });
  return bonesOf(["C2", "C3", "C4", "C5", "C6", "C7"].flatMap((name, i) => [
    at(name, "antero_superior", 100, 100 * i), at(name, "antero_inferior", 100, 100 * i + 80),
    at(name, "postero_superior", 200, 100 * i), at(name, "postero_inferior", 200, 100 * i + 80),
    at(name, "spinolaminar_superior", 260, 100 * i), at(name, "spinolaminar_inferior", 260, 100 * i + 80),
  ]));
}

test("every number of a report that may be shown has a drawing", () => {
  const { landmarks, measurements } = found();
  const bones = bonesOf(landmarks);
  for (const { name, level } of measurements) assert.ok(construct(bones, name, level), `${name} ${level ?? ""}`);
});

test("the lines of a drawing are as long as the number says", () => {
  const bones = ladder();
  const lengths = (name: string, level: string | null) => construct(bones, name, level)!.lines.map(({ from, to }) => distance(from, to));
  assert.deepEqual(centre(bones.get("C2")!), [150, 40]);
  assert.deepEqual(lengths("sva", null), [460, 50]);
  assert.deepEqual(lengths("sdvb", "C4"), [100]);
  assert.deepEqual(lengths("sdvc", "C4"), [60]);
  assert.deepEqual(lengths("pavlov", "C4"), [100, 60]);
  assert.deepEqual(lengths("disc_height_middle", "C4-C5"), [20]);
  assert.equal(lengths("slip_distance", "C4-C5")[1], 0, "no slip on a straight ladder");
});

test("the nearest point of the canal lies on its line, not beyond its ends", () => {
  const bones = new Map(ladder());
  const c5 = bones.get("C5")!;
  bones.set("C5", { ...c5, ls: [260, 300], li: [260, 310] });
  const [, to] = construct(bones, "sdvc", "C5")!.points;
  assert.deepEqual(to, [260, 310]);
});

test("what is not known is not drawn", () => {
  const { landmarks } = found();
  const without = bonesOf(landmarks.filter((l) => l.vertebra !== "C7"));
  for (const name of ["c2_c7_cobb", "c7_slope", "sva"]) assert.equal(construct(without, name, null), null, name);
  assert.ok(construct(without, "c2_c6_cobb", null));
  assert.equal(construct(without, "pavlov", "C7"), null);
  assert.equal(construct(without, "something_new", "C3"), null);
  assert.equal(construct(without, "pavlov", "L4"), null);
  assert.equal(outline(without.get("C7")!), null);
  assert.equal(bonesOf([{ ...landmarks[0]!, vertebra: "T1" }, { ...landmarks[0]!, corner: "odd" }]).get("C2")!.as, null);
  const flat = landmarks.map((l) => ({ ...l, x: 5, y: 5 }));
  for (const name of ["sva", "c2_c7_cobb"]) {
    const drawn = construct(bonesOf(flat), name, null);
    assert.ok(drawn === null || drawn.lines.every(({ from, to }) => [...from, ...to].every(Number.isFinite)), name);
  }
});

test("the neck's window holds every landmark and stays on the film", () => {
  const all = found().landmarks;
  const box = neck(all, 2500, 3000)!;
  assert.ok(all.every(({ x, y }) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height));
  assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 2500 && box.y + box.height <= 3000);
  assert.equal(neck(all.slice(0, 2), 2500, 3000), null);
  assert.equal(landmarks().length, 34);
});

test("a bar stands where its numbers stand", () => {
  const known = found().findings;
  const sva = thresholdOf("sva", known);
  assert.deepEqual(sva, { at: 40, beyond: "above" });
  const shape = bar("sva", 20, [10, 30], sva)!;
  assert.deepEqual([shape.value, shape.interval, shape.zero, shape.threshold], [0.5, [0.4, 0.6], 0.3, 0.7]);
  assert.deepEqual(shape.beyond, [[0.7, 1]]);
  assert.equal(shape.side, "within");
  assert.equal(bar("sva", 41, [39, 43], sva)!.side, "crosses");
  assert.equal(bar("sva", 50, [45, 55], sva)!.side, "beyond");
  assert.equal(bar("c2_c7_cobb", -20, [-25, -15], thresholdOf("c2_c7_cobb", known))!.side, "beyond");
  assert.equal(bar("something_new", 1, null, null), null);
  const far = bar("sva", 500, [490, 510], sva)!;
  assert.ok(far.value <= 1 && far.interval![1] <= 1, "what lies beyond the usual span widens it");
  assert.equal(thresholdOf("slip_distance", known), null, "no finding, no threshold");
  assert.equal(findings().length, 3);
});

test("a slip is beyond its threshold in either direction", () => {
  const threshold = { at: 3.5, beyond: "both" } as const;
  assert.equal(bar("slip_distance", -4.5, [-5, -4], threshold)!.side, "beyond");
  assert.equal(bar("slip_distance", 0, [-1, 1], threshold)!.side, "within");
  assert.equal(bar("slip_distance", 3, [2, 4], threshold)!.side, "crosses");
  assert.equal(bar("slip_distance", 1, null, threshold)!.beyond.length, 2);
});

test("gaps in the numbers are known until they are closed", () => {
  assert.deepEqual(heard([3, 4, 7]), [5, 6]);
  assert.deepEqual(heard([3, 4, 7, 6, 7]), [5]);
  assert.deepEqual(heard([3, 7, 5, 4, 6]), []);
  assert.deepEqual(heard([300, 1, 2]), [], "a new ledger begins at 1");
  assert.deepEqual(heard([5, 3], true), [], "what is older than the page is no gap");
  assert.equal(heard([1, 100_000]).length, 200, "bounded");
});
