/** Payloads as earlier versions sent them: what the page could read once it goes on reading. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";

import { parseAnswer, parseFault, parseHealth, parseInfo, parseRejects, parseReport, parseStatus, parseStudy } from "../../src/parse.ts";

const folder = resolve(process.cwd(), "../tests/payloads/v1");
const files = readdirSync(folder).map((name) => ({ name, kind: name.split("-")[0] ?? "", payload: JSON.parse(readFileSync(resolve(folder, name), "utf8")) as Record<string, unknown> }));

test("every payload of an earlier version is read", () => {
  const readers: Readonly<Record<string, (payload: unknown) => unknown>> = {
    report: (payload) => { const result = parseReport(payload); return result.kind === "report" ? result.report : null; },
    study: (payload) => parseStudy("k", payload), status: parseStatus, info: parseInfo, health: parseHealth, rejects: parseRejects, fault: parseFault,
    repeat_response: parseAnswer,
  };
  const kinds = new Set<string>();
  for (const { name, kind, payload } of files) {
    if (kind === "repeat_request") continue;
    assert.ok(readers[kind]?.(payload) != null, name);
    kinds.add(kind);
  }
  assert.deepEqual([...kinds].sort(), Object.keys(readers).sort());
});

test("nothing of an old report or study is lost on the way to the page", () => {
  for (const { name, kind, payload } of files) {
    if (kind === "report") {
      const result = parseReport(payload);
      assert.ok(result.kind === "report");
      for (const part of ["landmarks", "measurements", "findings"] as const) assert.equal(result.report[part].length, (payload[part] as unknown[]).length, `${name}: ${part}`);
      assert.notEqual(result.report.quality.verdict, "unknown", name);
    } else if (kind === "study") {
      const study = parseStudy("k", payload);
      assert.equal(study?.films.length, (payload["films"] as unknown[]).length, name);
      assert.equal(study?.dynamic === null, payload["dynamic"] === null, name);
    }
  }
});
