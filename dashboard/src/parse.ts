/**
 * Reads payloads: `unknown` in, a checked type or a plain reason out. Nothing here throws.
 *
 * Rules: a field that may be missing becomes `null`; an addition to `/1` is ignored; a measurement whose number and
 * status contradict each other is withheld; another schema is named, not guessed at. Text is cut to a length that no
 * honest payload reaches, so that a hostile one cannot push the rest off the screen.
 */

import {
  APPLIANCE_STATES, REPORT_SCHEMA, VERDICTS,
  type Answer, type ApplianceState, type Broker, type Decision, type Dynamic, type Engine, type Fault, type Finding, type Health, type Image, type Info, type Interval,
  type Landmark, type Leaves, type Measurement, type Motion, type PageConfig, type Quality, type Reason, type RejectPeriod, type Rejects, type Report, type Source,
  type Status, type Study, type StudyFilm, type Timing, type Verdict, type View,
} from "./contract.ts";

const MAX_NAME = 300;
const MAX_TEXT = 2000;
/** Far beyond the 15 quantities times 6 levels of a report. */
const MAX_ITEMS = 500;
const MAX_LEAVES = 80;
/** Languages of a summary; the appliance knows two. */
const MAX_LANGUAGES = 6;

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const fields = (value: unknown): Fields => (isFields(value) ? value : {});
const text = (value: unknown, max = MAX_NAME): string | null => (typeof value === "string" && value !== "" ? cut(value, max) : null);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value.slice(0, MAX_ITEMS) : []);
const cut = (value: string, max: number): string => (value.length > max ? `${value.slice(0, max)}…` : value);

/** An instant as milliseconds since 1970, from RFC 3339 with its zone. */
export function instant(value: unknown): number | null {
  const time = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isFinite(time) ? time : null;
}

/** What became of a payload that should be a report. */
export type ReportResult =
  | { readonly kind: "report"; readonly report: Report }
  | { readonly kind: "unknown_schema"; readonly schema: string; readonly id: string }
  | { readonly kind: "malformed"; readonly problem: string };

/** Reads a report, already parsed as JSON. */
export function parseReport(value: unknown): ReportResult {
  if (!isFields(value)) return { kind: "malformed", problem: "the report is not a JSON object" };
  const schema = text(value["schema"]);
  if (schema === null) return { kind: "malformed", problem: "the report names no schema" };
  const report_id = text(value["report_id"]);
  if (schema !== REPORT_SCHEMA) return { kind: "unknown_schema", schema, id: report_id ?? "" };
  const device = text(value["device"]);
  if (report_id === null) return { kind: "malformed", problem: "the report has no report_id" };
  if (device === null) return { kind: "malformed", problem: "the report has no device" };
  const report: Report = {
    schema,
    report_id,
    seq: number(value["seq"]),
    historical: value["historical"] === true,
    decision: decision(value["decision"]),
    device,
    source: source(fields(value["source"])),
    acquired_at: text(value["acquired_at"]),
    received_at: instant(value["received_at"]),
    image: image(fields(value["image"])),
    view: view(fields(value["view"])),
    landmarks: list(value["landmarks"]).flatMap(landmark),
    measurements: list(value["measurements"]).flatMap(measurement),
    findings: list(value["findings"]).flatMap(finding),
    quality: quality(fields(value["quality"])),
    engine: engine(fields(value["engine"])),
    timing_ms: timing(fields(value["timing_ms"])),
    notice: text(value["notice"], MAX_TEXT),
  };
  return { kind: "report", report };
}

function decision(value: unknown): Decision | null {
  const from = fields(value);
  const action = known(["repeat", "accept"] as const, text(from["action"]) ?? "");
  return action === null ? null : { action, reason: text(from["reason"]), by: text(from["by"]) ?? "", at: instant(from["at"]) };
}

/** Reads `P/repeat/response`; `null` for an answer that is about no report. */
export function parseAnswer(value: unknown): Answer | null {
  const from = fields(value);
  const [report_id, status] = [text(from["report_id"]), text(from["status"])];
  if (report_id === null || status === null) return null;
  const error = status === "ok" ? null : (text(from["error"], MAX_TEXT) ?? "The request was refused.");
  return { report_id, error, decision: decision(from["decision"]) };
}

/** Reads `P/rejects`. */
export function parseRejects(value: unknown): Rejects | null {
  const from = fields(value);
  return isFields(from["today"]) && isFields(from["month"]) ? { today: period(from["today"]), month: period(from["month"]) } : null;
}

function period(from: Fields): RejectPeriod {
  const count = (value: unknown): number => number(value) ?? 0;
  const agreement = fields(from["agreement"]);
  return {
    first: text(from["first"]),
    last: text(from["last"]),
    films: count(from["films"]),
    repeated: count(from["repeated"]),
    suggested: count(from["suggested"]),
    accepted: count(from["accepted"]),
    undecided: count(from["undecided"]),
    passed_over: count(from["passed_over"]),
    faults: count(from["faults"]),
    agreement: { films: count(agreement["films"]), observed: number(agreement["observed"]) },
    repeat_rate: number(from["repeat_rate"]),
    reasons: list(from["reasons"]).flatMap((value) => {
      const reason = fields(value);
      const word = text(reason["reason"]);
      return word === null ? [] : [{ reason: word, repeated: count(reason["repeated"]), suggested: count(reason["suggested"]) }];
    }),
  };
}

function source(from: Fields): Source {
  return {
    file: text(from["file"]) ?? "",
    sha256: text(from["sha256"]),
    format: text(from["format"]),
    sop_instance_uid: text(from["sop_instance_uid"]),
    study_key: text(from["study_key"]),
    patient: text(from["patient"]),
  };
}

function image(from: Fields): Image {
  const spacing = from["spacing_mm"];
  return {
    width: number(from["width"]),
    height: number(from["height"]),
    spacing_mm: number(Array.isArray(spacing) ? spacing[0] : spacing),
    spacing_source: text(from["spacing_source"]),
  };
}

function view(from: Fields): View {
  return { position: text(from["position"]) ?? "unknown", facing: text(from["facing"]) };
}

function landmark(value: unknown): Landmark[] {
  const from = fields(value);
  const [vertebra, corner, x, y] = [text(from["vertebra"]), text(from["corner"]), number(from["x"]), number(from["y"])];
  if (vertebra === null || corner === null || x === null || y === null) return [];
  return [{
    vertebra, corner, x, y,
    sigma_px: number(from["sigma_px"]), confidence: number(from["confidence"]), stage: text(from["stage"]),
  }];
}

function interval(value: unknown): Interval | null {
  const [low, high] = [number(list(value)[0]), number(list(value)[1])];
  return low !== null && high !== null && low <= high ? [low, high] : null;
}

function measurement(raw: unknown): Measurement[] {
  const from = fields(raw);
  const name = text(from["name"]);
  if (name === null) return [];
  const [convention, source] = [text(from["convention"], MAX_TEXT), text(from["source"], MAX_TEXT)];
  const head = { name, level: text(from["level"]), unit: text(from["unit"]) ?? "", convention, source };
  const status = text(from["status"]);
  const reason = text(from["reason"], MAX_TEXT);
  const value = number(from["value"]);
  const ci90 = interval(from["ci90"]);
  if (status === "withheld") {
    return [{ ...head, status, value: null, ci90: null, reason: reason ?? "No reason was given." }];
  }
  if (value === null) {
    return [{ ...head, status: "withheld", value: null, ci90: null, reason: reason ?? "The report carries no number here." }];
  }
  if (status === "ok") return [{ ...head, status, value, ci90, reason: null }];
  if (status === "unreliable") return [{ ...head, status, value, ci90, reason: reason ?? "No reason was given." }];
  return [{ ...head, status: "unreliable", value, ci90, reason: `This page does not know the status “${status ?? ""}”.` }];
}

function finding(value: unknown): Finding[] {
  const from = fields(value);
  const name = text(from["name"]);
  if (name === null || typeof from["present"] !== "boolean") return [];
  return [{
    name,
    level: text(from["level"]),
    present: from["present"],
    certainty: text(from["certainty"]) ?? "unknown",
    threshold: number(from["threshold"]),
    detail: text(from["detail"], MAX_TEXT),
  }];
}

function quality(from: Fields): Quality {
  const word = text(from["verdict"]) ?? "";
  const exposure = from["exposure"];
  return {
    verdict: known(VERDICTS, word) ?? ("unknown" satisfies Verdict),
    verdict_word: word,
    reasons: list(from["reasons"]).flatMap(reason),
    c7_visibility: text(from["c7_visibility"]),
    exposure: text(exposure) ?? text(fields(exposure)["state"]),
  };
}

function reason(value: unknown): Reason[] {
  const from = fields(value);
  const code = text(from["code"]) ?? "";
  const words = text(from["text"], MAX_TEXT);
  return code === "" && words === null ? [] : [{ code, dicom_code: text(from["dicom_code"]), text: words ?? code }];
}

function engine(from: Fields): Engine {
  return { provider: text(from["provider"]), precision: text(from["precision"]), models: models(from["models"]) };
}

/** Models come as `{role: hash}` or as a list of objects with `role` and `sha256`. */
function models(value: unknown): readonly string[] {
  const named = (role: string | null, hash: string | null): string[] =>
    role === null ? [] : [hash === null ? role : `${role} ${hash.slice(0, 12)}`];
  if (isFields(value)) return Object.entries(value).slice(0, MAX_ITEMS).flatMap(([role, hash]) => named(text(role), text(hash)));
  return list(value).flatMap((model) => {
    const from = fields(model);
    return typeof model === "string" ? named(text(model), null) : named(text(from["role"]), text(from["sha256"]));
  });
}

function timing(from: Fields): Timing {
  const steps = ["settle", "decode", "detect", "measure", "total"] as const;
  return Object.fromEntries(steps.flatMap((step) => {
    const ms = number(from[step]);
    return ms === null ? [] : [[step, ms]];
  }));
}

/** Reads `P/status`. */
export function parseStatus(value: unknown): Status | null {
  if (!isFields(value)) return null;
  const word = text(value["state"]);
  if (word === null) return null;
  return {
    state: known(APPLIANCE_STATES, word) ?? ("unknown" satisfies ApplianceState),
    state_word: word,
    since: instant(value["since"]),
    detail: text(value["detail"], MAX_TEXT),
  };
}

/** Reads `P/fault`. */
export function parseFault(value: unknown): Fault | null {
  if (!isFields(value)) return null;
  return {
    file: text(value["file"]) ?? "",
    code: text(value["code"]) ?? "",
    reason: text(value["reason"], MAX_TEXT) ?? "",
    remedy: text(value["remedy"], MAX_TEXT),
    put: text(value["put"]),
    at: instant(value["received_at"]),
  };
}

/** Reads `P/info`. */
export function parseInfo(value: unknown): Info | null {
  if (!isFields(value)) return null;
  return { version: text(value["version"]), provider: text(value["provider"]), precision: text(value["precision"]), leaves: leaves(value) };
}

/** Reads `P/health`. */
export function parseHealth(value: unknown): Health | null {
  if (!isFields(value)) return null;
  const [outbox, latency, error] = [fields(value["outbox"]), fields(value["latency_ms"]), fields(value["last_error"])];
  const [p50, p90, p99] = ["p50", "p90", "p99"].map((name) => number(latency[name]));
  const problem = text(error["text"], MAX_TEXT);
  return {
    at: instant(value["at"]),
    started_at: instant(value["started_at"]),
    films_waiting: number(value["films_waiting"]),
    reports: number(value["reports"]),
    faults: number(value["faults"]),
    passed_over_today: number(value["passed_over_today"]),
    outbox: { waiting: number(outbox["waiting"]), set_aside: number(outbox["set_aside"]), oldest_at: instant(outbox["oldest_at"]) },
    disk_free_bytes: number(value["disk_free_bytes"]),
    temperatures: list(value["temperatures"]).flatMap((raw) => {
      const [sensor, celsius] = [text(fields(raw)["sensor"]), number(fields(raw)["celsius"])];
      return sensor === null || celsius === null ? [] : [{ sensor, celsius }];
    }),
    latency_ms: p50 == null || p90 == null || p99 == null ? null : { films: number(latency["films"]) ?? 0, p50, p90, p99 },
    last_error: problem === null ? null : { at: instant(error["at"]), text: problem },
    leaves: leaves(value),
  };
}

/** Reads `P/study/<study_key>`. */
export function parseStudy(study_key: string, value: unknown): Study | null {
  if (!isFields(value)) return null;
  const lines = (from: unknown): string[] => {
    const one = text(from, MAX_TEXT);
    return one !== null ? [one] : list(from).flatMap((line) => text(line, MAX_TEXT) ?? []);
  };
  const summary = lines(value["summary"]);
  const told = Object.entries(fields(value["summaries"])).slice(0, MAX_LANGUAGES).map(([language, from]) => [cut(language, 35), lines(from)] as const);
  const language = text(value["language"]) ?? "en";
  return {
    study_key,
    device: text(value["device"]),
    patient: text(value["patient"]),
    updated_at: instant(value["updated_at"]),
    films: list(value["films"]).flatMap(studyFilm),
    missing: lines(value["missing"] ?? value["missing_views"]),
    dynamic: isFields(value["dynamic"]) ? dynamic(value["dynamic"]) : null,
    summary,
    summaries: told.length > 0 ? told : summary.length > 0 ? [[language, summary]] : [],
  };
}

function studyFilm(value: unknown): StudyFilm[] {
  const from = fields(value);
  const report_id = text(from["report_id"]);
  if (report_id === null) return [];
  return [{
    report_id,
    position: text(from["position"]) ?? "unknown",
    status: text(from["status"]) ?? "unplaced",
    disagreement: text(from["disagreement"]),
    received_at: instant(from["received_at"]),
    verdict: known(VERDICTS, text(from["verdict"]) ?? "") ?? ("unknown" satisfies Verdict),
    decision: decision(from["decision"]),
  }];
}

function dynamic(from: Fields): Dynamic {
  const thresholds = fields(from["thresholds"]);
  return {
    range_of_motion: measurement(from["range_of_motion"])[0] ?? null,
    effort: text(from["effort"]),
    levels: list(from["levels"]).flatMap(motion),
    thresholds: { slip_mm: number(thresholds["slip_mm"]), angle_deg: number(thresholds["angle_deg"]), effort_deg: number(thresholds["effort_deg"]) },
  };
}

function motion(value: unknown): Motion[] {
  const from = fields(value);
  const level = text(from["level"]);
  if (level === null) return [];
  return [{
    level,
    slip_change: measurement(from["slip_change"])[0] ?? null,
    angle_change: measurement(from["angle_change"])[0] ?? null,
    stability: text(from["stability"]) ?? "undetermined",
    certainty: text(from["certainty"]),
  }];
}

/** Every number, text and truth value of a payload with the path that leads to it. */
export function leaves(value: unknown): Leaves {
  const found: [string, string][] = [];
  const walk = (path: string, at: unknown, depth: number): void => {
    if (found.length >= MAX_LEAVES || depth > 6) return;
    if (Array.isArray(at)) at.forEach((item, i) => walk(`${path} ${i + 1}`.trim(), item, depth + 1));
    else if (isFields(at)) Object.entries(at).forEach(([key, item]) => walk(`${path} ${cut(key, 60)}`.trim(), item, depth + 1));
    else if (at !== null && at !== undefined && at !== "") found.push([path, cut(String(at), MAX_NAME)]);
  };
  walk("", value, 0);
  return found;
}

/** Reads the answer of `GET /api/config`, or says what is wrong with it. */
export function parseConfig(value: unknown): PageConfig | string {
  const from = fields(value);
  const prefix = text(from["prefix"]);
  const devices = list(from["devices"]).flatMap((device) => text(device) ?? []);
  if (prefix === null) return "the configuration names no topic prefix";
  if (devices.length === 0) return "the configuration names no device";
  return { version: text(from["version"]) ?? "", prefix, devices, broker: broker(from["broker"]) };
}

function broker(value: unknown): Broker | null {
  const from = fields(value);
  const [url, port, path] = [text(from["url"]), number(from["port"]), text(from["path"])];
  if (url === null && port === null && path === null) return null;
  return { url, port, path: path ?? "/mqtt", protocol: number(from["protocol"]) === 4 ? 4 : 5 };
}

function known<T extends string>(words: readonly T[], word: string): T | null {
  return words.find((candidate) => candidate === word) ?? null;
}
