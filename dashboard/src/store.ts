/**
 * The state of the page and the one function that changes it.
 *
 * Invariants: a film stands in the list once, whatever is delivered how often and by which way; newest on top; every
 * collection is bounded, and what falls out of the list can be fetched again from the appliance.
 */

import type { Answer, Fault, Health, Info, Rejects, Report, Status, Study } from "./contract.ts";

/** Films kept in the list. */
export const MAX_REPORTS = 500;
/** Faults kept on the page. */
export const MAX_FAULTS = 20;
/** Studies kept; a day of one room has fewer. */
export const MAX_STUDIES = 500;
/** Passed-over films remembered by name, so that a second delivery does not count twice. */
const MAX_PASSED = 2000;
/** Rooms on one page. */
export const MAX_ROOMS = 40;
/** Missing numbers remembered a device. */
const MAX_MISSING = 200;
/** Unknown schemas told apart. */
const MAX_SCHEMAS = 5;

/** How the page stands with the broker. */
export interface Link {
  readonly state: "none" | "connecting" | "connected" | "lost";
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly detail: string | null;
}

/** How the page stands with the appliance's memory. */
export type History = "loading" | "loaded" | "failed";

/** What the page knows of one appliance. */
export interface Device {
  readonly status: Status | null;
  readonly info: Info | null;
  readonly health: Health | null;
  readonly rejects: Rejects | null;
}

/** Reports of a schema that this page does not know. */
export interface Strangers {
  readonly schema: string;
  /** The reports' names, each once; bounded. */
  readonly ids: readonly string[];
}

/** The reports of one device that came live, by their numbers. */
export interface Heard {
  /** The first one since the page was opened, and the newest. */
  readonly first: number;
  readonly last: number;
  /** Numbers between the two that have not come; bounded. */
  readonly missing: readonly number[];
}

export interface State {
  readonly link: Link;
  readonly history: History;
  /** Where the list goes on in the appliance's memory; `null` at its end. */
  readonly older: number | null;
  readonly devices: Readonly<Record<string, Device>>;
  /** Newest first. */
  readonly reports: readonly Report[];
  /** The last one that arrived live; it is told to those who listen and marked for those who look. */
  readonly latest: string | null;
  /** By device. */
  readonly heard: Readonly<Record<string, Heard>>;
  readonly passed: readonly string[];
  readonly faults: readonly Fault[];
  readonly strangers: readonly Strangers[];
  /** Payloads that could not be read at all. */
  readonly unreadable: number;
  readonly studies: readonly Study[];
  /** What became of requests heard since the page was opened, by report key; bounded, the newest kept. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** Overlays that came over MQTT, by report key. */
  readonly overlays: Readonly<Record<string, string>>;
}

export type Event =
  | { readonly type: "link"; readonly link: Link }
  | { readonly type: "status"; readonly device: string; readonly status: Status | null }
  | { readonly type: "info"; readonly device: string; readonly info: Info | null }
  | { readonly type: "health"; readonly device: string; readonly health: Health | null }
  | { readonly type: "rejects"; readonly device: string; readonly rejects: Rejects | null }
  | { readonly type: "answer"; readonly device: string; readonly answer: Answer }
  | { readonly type: "report"; readonly report: Report }
  | { readonly type: "fault"; readonly fault: Fault }
  | { readonly type: "stranger"; readonly schema: string; readonly id: string }
  | { readonly type: "unreadable" }
  | { readonly type: "study"; readonly study_key: string; readonly study: Study | null }
  | { readonly type: "overlay"; readonly key: string; readonly url: string; readonly dropped: readonly string[] }
  | { readonly type: "history"; readonly history: History }
  | { readonly type: "page"; readonly reports: readonly Report[]; readonly older: number | null | undefined };

/** The name of a film across all rooms. */
export const keyOf = (report: Pick<Report, "device" | "report_id">): string => `${report.device}/${report.report_id}`;

export function initial(now: number): State {
  return {
    link: { state: "connecting", since: now, detail: null },
    history: "loading",
    older: null,
    devices: {},
    reports: [],
    latest: null,
    heard: {},
    passed: [],
    faults: [],
    strangers: [],
    unreadable: 0,
    studies: [],
    answers: {},
    overlays: {},
  };
}

export function reduce(state: State, event: Event): State {
  switch (event.type) {
    case "link": {
      // The clock of a state starts when it begins, not with each further attempt.
      const since = event.link.state === state.link.state ? state.link.since : event.link.since;
      return { ...state, link: { ...event.link, since } };
    }
    case "status":
      return withDevice(state, event.device, { status: event.status });
    case "info":
      return withDevice(state, event.device, { info: event.info });
    case "health":
      return withDevice(state, event.device, { health: event.health });
    case "rejects":
      return withDevice(state, event.device, { rejects: event.rejects });
    case "answer":
      return withAnswer(state, `${event.device}/${event.answer.report_id}`, event.answer);
    case "report":
      return live(state, event.report);
    case "page":
      return { ...event.reports.reduce(enter, state), older: event.older === undefined ? state.older : event.older };
    case "history":
      return { ...state, history: event.history };
    case "fault":
      return { ...state, faults: withFault(state.faults, event.fault) };
    case "stranger":
      return { ...state, strangers: withStranger(state.strangers, event.schema, event.id) };
    case "unreadable":
      return { ...state, unreadable: state.unreadable + 1 };
    case "study": {
      const others = state.studies.filter((study) => study.study_key !== event.study_key);
      return { ...state, studies: event.study === null ? others : [event.study, ...others].slice(0, MAX_STUDIES) };
    }
    case "overlay": {
      const kept = Object.entries(state.overlays).filter(([key]) => !event.dropped.includes(key));
      return { ...state, overlays: { ...Object.fromEntries(kept), [event.key]: event.url } };
    }
  }
}

/** What the page knows of `device`, also before the first word from it. */
export function deviceOf(state: State, device: string): Device {
  return state.devices[device] ?? { status: null, info: null, health: null, rejects: null };
}

/** Films that were no lateral neck: today's by the appliances' own count where they give one, else those seen here. */
export function passedOver(state: State): number {
  const counts = Object.values(state.devices).flatMap((device) => device.health?.passed_over_today ?? []);
  return counts.length > 0 ? counts.reduce((sum, count) => sum + count, 0) : state.passed.length;
}

function withDevice(state: State, name: string, change: Partial<Device>): State {
  if (state.devices[name] === undefined && Object.keys(state.devices).length >= MAX_ROOMS) return state;
  return { ...state, devices: { ...state.devices, [name]: { ...deviceOf(state, name), ...change } } };
}

/** What stands about a film, as far as the page has heard: a later answer takes the place of what the report said. */
export function decisionOf(state: State, report: Report): { readonly decision: Report["decision"]; readonly error: string | null } {
  const answer = state.answers[keyOf(report)];
  if (answer === undefined) return { decision: report.decision, error: null };
  return { decision: answer.decision, error: answer.error };
}

/** A refusal changes nothing: what stood before stands. */
function withAnswer(state: State, key: string, answer: Answer): State {
  const earlier = state.answers[key];
  const report = state.reports.find((candidate) => keyOf(candidate) === key);
  const before = earlier !== undefined ? earlier.decision : (report?.decision ?? null);
  const others = Object.entries(state.answers).filter(([other]) => other !== key).slice(1 - MAX_REPORTS);
  const kept = answer.error === null ? answer : { ...answer, decision: before };
  return { ...state, answers: { ...Object.fromEntries(others), [key]: kept } };
}

function live(before: State, report: Report): State {
  const state = withHeard(before, report);
  const next = enter(state, report);
  const key = keyOf(report);
  const fresh = next.reports !== state.reports && !state.reports.some((known) => keyOf(known) === key);
  return fresh && !report.historical ? { ...next, latest: key } : next;
}

/** Keeps account of the numbers that came; a late delivery closes its gap. */
function withHeard(state: State, { device, seq, historical }: Report): State {
  if (seq === null) return state;
  const known = state.heard[device];
  const heard = (now: Heard): State => ({ ...state, heard: { ...state.heard, [device]: now } });
  // A fresh film with a smaller number than the first: the appliance began a new ledger.
  if (known === undefined || (seq < known.first && !historical)) return heard({ first: seq, last: seq, missing: [] });
  if (seq <= known.last) return known.missing.includes(seq) ? heard({ ...known, missing: known.missing.filter((n) => n !== seq) }) : state;
  const skipped = Array.from({ length: Math.min(seq - known.last - 1, MAX_MISSING) }, (_, i) => seq - 1 - i).reverse();
  return heard({ ...known, last: seq, missing: [...known.missing, ...skipped].slice(-MAX_MISSING) });
}

/** Numbers of a device's reports that were published while the page did not hear, and that it has not got since. */
export function missed(state: State, device: string): readonly number[] {
  const missing = state.heard[device]?.missing ?? [];
  if (missing.length === 0) return missing;
  const got = new Set(state.reports.filter((report) => report.device === device).map((report) => report.seq));
  return missing.filter((seq) => !got.has(seq));
}

/** The rooms to show: those that are configured, then those that were heard of. */
export function roomsOf(state: State, configured: readonly string[]): readonly string[] {
  const heard = [...Object.keys(state.devices), ...state.reports.map((report) => report.device)].sort();
  return [...new Set([...configured.filter((device) => device !== "+"), ...(configured.includes("+") ? heard : [])])].slice(0, MAX_ROOMS);
}

/** Puts a report in its place, once. */
function enter(state: State, report: Report): State {
  const key = keyOf(report);
  if (report.quality.verdict === "not_applicable") {
    return state.passed.includes(key) ? state : { ...state, passed: [key, ...state.passed].slice(0, MAX_PASSED) };
  }
  const known = state.reports.find((candidate) => keyOf(candidate) === key);
  if (known !== undefined && (report.seq ?? 0) <= (known.seq ?? 0)) return state;
  const others = known === undefined ? state.reports : state.reports.filter((candidate) => candidate !== known);
  const at = others.findIndex((other) => !newer(other, report));
  const place = at === -1 ? others.length : at;
  return { ...state, reports: [...others.slice(0, place), report, ...others.slice(place)].slice(0, MAX_REPORTS) };
}

/** By the time the film was complete in the folder; a film without one stands below those that have it. */
function newer(a: Report, b: Report): boolean {
  const [left, right] = [a.received_at ?? -Infinity, b.received_at ?? -Infinity];
  return left === right ? (a.seq ?? 0) > (b.seq ?? 0) : left > right;
}

/** A fault that is delivered twice is one fault. */
function withFault(faults: readonly Fault[], fault: Fault): readonly Fault[] {
  const same = (other: Fault): boolean => other.file === fault.file && other.code === fault.code && other.at === fault.at;
  return faults.some(same) ? faults : [fault, ...faults].slice(0, MAX_FAULTS);
}

/** A report that comes twice, live and from memory, is one report here too. */
function withStranger(strangers: readonly Strangers[], schema: string, id: string): readonly Strangers[] {
  const known = strangers.find((stranger) => stranger.schema === schema);
  if (known?.ids.includes(id)) return strangers;
  const others = strangers.filter((stranger) => stranger !== known).slice(0, MAX_SCHEMAS - 1);
  return [{ schema, ids: [id, ...(known?.ids ?? [])].slice(0, MAX_REPORTS) }, ...others];
}
