/**
 * Turns what arrives (MQTT messages, pages of the appliance's memory) into events of the store.
 *
 * A payload that cannot be read is counted and never breaks the page; a report of another schema is named.
 */

import type { PageConfig } from "./contract.ts";
import type { Page } from "./history.ts";
import type { Overlays } from "./overlays.ts";
import { parseAnswer, parseFault, parseHealth, parseInfo, parseRejects, parseReport, parseStatus, parseStudy } from "./parse.ts";
import type { Event } from "./store.ts";
import { subjectOf } from "./topics.ts";

/** The event that a message stands for; `null` for a topic or a payload that means nothing to the page. */
export function eventOf(config: Pick<PageConfig, "prefix">, overlays: Overlays, topic: string, payload: Uint8Array): Event | null {
  const subject = subjectOf(config.prefix, topic);
  if (subject === null) return null;
  const { device } = subject;
  if (subject.kind === "overlay") {
    const key = `${device}/${subject.key}`;
    const kept = overlays.put(key, payload);
    return kept === null ? { type: "unreadable" } : { type: "overlay", key, ...kept };
  }
  // An empty retained payload takes the topic back.
  const value = payload.length === 0 ? null : json(payload);
  if (value === undefined) return { type: "unreadable" };
  switch (subject.kind) {
    case "status":
      return { type: "status", device, status: parseStatus(value) };
    case "info":
      return { type: "info", device, info: parseInfo(value) };
    case "health":
      return { type: "health", device, health: parseHealth(value) };
    case "rejects":
      return { type: "rejects", device, rejects: parseRejects(value) };
    case "repeat": {
      const answer = parseAnswer(value);
      return answer === null ? null : { type: "answer", device, answer };
    }
    case "study": {
      const study = parseStudy(subject.key, value);
      return { type: "study", study_key: subject.key, study: study === null ? null : { ...study, device } };
    }
    case "fault": {
      const fault = parseFault(value);
      return fault === null ? { type: "unreadable" } : { type: "fault", fault };
    }
    case "report":
      return reportEvent(value);
  }
}

/** The events of a page of the appliance's memory. */
export function eventsOfPage(page: Page, older: number | null | undefined): Event[] {
  const events = page.reports.map(reportEvent);
  const reports = events.flatMap((event) => (event.type === "report" ? [event.report] : []));
  return [{ type: "page", reports, older }, ...events.filter((event) => event.type !== "report")];
}

function reportEvent(value: unknown): Event {
  const result = parseReport(value);
  switch (result.kind) {
    case "report":
      return { type: "report", report: result.report };
    case "unknown_schema":
      return { type: "stranger", schema: result.schema, id: result.id };
    case "malformed":
      console.warn("A report could not be read:", result.problem);
      return { type: "unreadable" };
  }
}

/** The JSON of a payload, or `undefined` where it is none. */
function json(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch {
    return undefined;
  }
}
