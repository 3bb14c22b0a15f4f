import assert from "node:assert/strict";
import { test } from "node:test";

import { eventOf, eventsOfPage } from "../../src/feed.ts";
import { ago, brief, decimal, duration, fileName, moment, quantity, range } from "../../src/format.ts";
import { brokerUrl } from "../../src/link.ts";
import { MAX_BYTES, MAX_OVERLAYS, Overlays } from "../../src/overlays.ts";
import { hrefOf, hrefOfRoom, hrefOfStudy, routeOf } from "../../src/route.ts";
import { requestTopic, subjectOf, subscriptions } from "../../src/topics.ts";
import { report } from "../support/fixtures.ts";

const JPEG = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);

test("numbers carry a true minus, their unit and never a minus zero", () => {
  assert.equal(quantity(-13, "deg"), "−13.0°");
  assert.equal(quantity(18.72, "mm"), "18.7\u202Fmm");
  assert.equal(quantity(0.926, "ratio"), "0.93");
  assert.equal(quantity(3, "furlong"), "3.00 furlong");
  assert.equal(decimal(-0.04, "mm"), "0.0");
  assert.equal(range([-1.25, 2], "mm"), "−1.3 … 2.0");
  assert.equal(brief({ name: "sva", level: null, unit: "mm", status: "withheld", value: null, ci90: null, reason: "x", convention: null, source: null }), "–");
});

test("times are local, and another day shows its date", () => {
  const now = Date.UTC(2025, 2, 4, 12, 0, 0);
  assert.equal(moment(Date.UTC(2025, 2, 4, 9, 30, 5), now), "10:30:05");
  assert.equal(moment(Date.UTC(2025, 2, 3, 9, 30, 5), now, "short"), "3 Mar, 10:30");
  assert.equal(moment(Date.UTC(2024, 2, 4, 9, 30, 5), now, "short"), "4 Mar, 10:30");
  assert.equal(moment(null, now), "time unknown");
  assert.equal(ago(now - 30_000, now), "just now");
  assert.equal(ago(now - 5 * 60_000, now), "5 min ago");
  assert.equal(ago(now - 3 * 3_600_000, now), "3 h ago");
  assert.equal(ago(now - 30 * 3_600_000, now), null);
  assert.equal(ago(now + 600_000, now), null, "a clock that disagrees is not turned into an age");
  assert.equal(duration(180.4), "180 ms");
  assert.equal(duration(1090), "1.09 s");
});

test("a file's name is its last part", () => {
  assert.equal(fileName("a/b/c.dcm"), "c.dcm");
  assert.equal(fileName(""), "unnamed file");
});

test("topics are read back as they were subscribed", () => {
  const config = { prefix: "hospital/sagitta", devices: ["room-1", "room-2"] };
  assert.equal(subscriptions(config).length, 18);
  for (const topic of subscriptions(config)) {
    const subject = subjectOf(config.prefix, topic.replace("+", "abc"));
    assert.ok(subject, topic);
    assert.equal(topic.startsWith(`hospital/sagitta/${subject.device}/${subject.kind}`), true);
  }
});

test("a word goes to the room that took the film", () => {
  assert.equal(requestTopic("ward/x", "room-2"), "ward/x/room-2/repeat/request");
});

test("topics of others mean nothing", () => {
  for (const topic of ["", "sagitta", "sagitta/room-1", "sagitta/room-1/report/x", "sagitta/room-1/overlay", "sagitta/room-1/overlay/", "sagitta//report", "sagittarius/room-1/report", "sagitta/room-1/study/a/b", "sagitta/room-1/repeat/request", "sagitta/room-1/rejects/x"]) {
    assert.equal(subjectOf("sagitta", topic), null, topic);
  }
});

test("the broker's address follows the page's host unless a whole address is given", () => {
  const broker = { url: null, port: 9001, path: "/mqtt", protocol: 5 } as const;
  assert.equal(brokerUrl(broker, { protocol: "http:", hostname: "ward.example", host: "ward.example:8080" }), "ws://ward.example:9001/mqtt");
  assert.equal(brokerUrl(broker, { protocol: "https:", hostname: "[::1]", host: "[::1]" }), "wss://[::1]:9001/mqtt");
  assert.equal(brokerUrl({ ...broker, url: "wss://b.example/ws" }, { protocol: "http:", hostname: "x", host: "x" }), "wss://b.example/ws");
  const here = { ...broker, port: null, path: "/api/mqtt" };
  assert.equal(brokerUrl(here, { protocol: "https:", hostname: "ward.example", host: "ward.example:8443" }), "wss://ward.example:8443/api/mqtt");
});

test("a film's address survives the address bar, and a broken one shows the newest", () => {
  const key = "room 1/r-ü?#%";
  assert.deepEqual(routeOf(hrefOf(key)), { view: "film", key });
  assert.deepEqual(routeOf(hrefOfStudy(key)), { view: "study", key });
  assert.deepEqual(routeOf(hrefOfRoom("room 2")), { view: "live", room: "room 2" });
  for (const hash of ["", "#/", "#/film/", "#/film/%E0%A4%A", "#film", "#/study/", "#/nothing"]) assert.deepEqual(routeOf(hash), { view: "live", room: null });
});

function fakeUrls(): { made: string[]; revoked: string[]; createObjectURL(b: Blob): string; revokeObjectURL(u: string): void } {
  const made: string[] = [];
  const revoked: string[] = [];
  return { made, revoked, createObjectURL: () => { made.push(`blob:${made.length}`); return made.at(-1)!; }, revokeObjectURL: (u) => void revoked.push(u) };
}

test("every overlay's address is revoked when it is replaced or crowded out", () => {
  const urls = fakeUrls();
  const overlays = new Overlays(urls);
  overlays.put("a", JPEG);
  overlays.put("a", JPEG);
  assert.deepEqual(urls.revoked, ["blob:0"]);
  for (let i = 0; i < MAX_OVERLAYS; i += 1) {
    const kept = overlays.put(`n${i}`, JPEG);
    assert.deepEqual(kept?.dropped, i === MAX_OVERLAYS - 1 ? ["a"] : []);
  }
  assert.equal(urls.made.length - urls.revoked.length, MAX_OVERLAYS);
});

test("only a JPEG of a sane size becomes an overlay", () => {
  const overlays = new Overlays(fakeUrls());
  const huge = new Uint8Array(MAX_BYTES + 1);
  huge.set(JPEG);
  for (const bytes of [new Uint8Array(), new TextEncoder().encode("<svg onload=alert(1)>"), huge]) assert.equal(overlays.put("x", bytes), null);
});

test("messages become events; what cannot be read is counted", () => {
  const overlays = new Overlays(fakeUrls());
  const at = (topic: string, payload: unknown) => eventOf({ prefix: "sagitta" }, overlays, `sagitta/room-1/${topic}`,
    payload instanceof Uint8Array ? payload : new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload)));
  assert.equal(at("report", report(1))?.type, "report");
  assert.equal(at("report", { ...report(1), schema: "sagitta.report/2" })?.type, "stranger");
  for (const broken of ["{", "null", "[]", "", new Uint8Array([0xff, 0xfe])]) assert.equal(at("report", broken)?.type, "unreadable");
  assert.deepEqual(at("overlay/r-1", JPEG), { type: "overlay", key: "room-1/r-1", url: "blob:0", dropped: [] });
  assert.equal(at("overlay/r-1", "no picture")?.type, "unreadable");
  assert.deepEqual(at("study/k", ""), { type: "study", study_key: "k", study: null }, "an empty retained payload takes the study back");
  assert.equal(at("repeat/request", "{}"), null);
  assert.equal(at("repeat/response", "{}"), null);
  assert.equal(at("rejects", "[]")?.type, "rejects");
  const decision = { action: "repeat", reason: "positioning", dicom_code: "111209", by: "RT 7", at: "2026-03-01T12:00:00.000Z" };
  assert.deepEqual(at("repeat/response", { report_id: "r-1", status: "ok", error: null, decision }), {
    type: "answer",
    device: "room-1",
    answer: { report_id: "r-1", error: null, decision: { action: "repeat", reason: "positioning", by: "RT 7", at: Date.UTC(2026, 2, 1, 12) } },
  });
});

test("a page of memory gives its reports at once and names what it cannot read", () => {
  const events = eventsOfPage({ reports: [report(2), { schema: "sagitta.report/7" }, report(1), 5], next: 1 }, 1);
  assert.deepEqual(events.map((event) => event.type), ["page", "stranger", "unreadable"]);
});
