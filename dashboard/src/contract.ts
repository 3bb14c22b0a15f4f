/**
 * The payloads as the page uses them, after `parse.ts` has read them.
 *
 * The names are those of the wire (CONTRACT: `sagitta.report/1`). What the wire may leave out is `null` here, never
 * `undefined` and never a made-up value. These types carry no behaviour.
 */

export const REPORT_SCHEMA = "sagitta.report/1";

export const VERDICTS = ["accept", "review", "repeat", "not_applicable"] as const;
/** `unknown` is a word that this page does not know; the word itself is in `Quality.verdict_word`. */
export type Verdict = (typeof VERDICTS)[number] | "unknown";

export type Unit = "deg" | "mm" | "ratio";

export interface Report {
  readonly schema: string;
  readonly report_id: string;
  readonly seq: number | null;
  readonly historical: boolean;
  /** What a radiographer had decided when the report was delivered. */
  readonly decision: Decision | null;
  readonly device: string;
  readonly source: Source;
  /** Local time of the modality, without a zone. */
  readonly acquired_at: string | null;
  /** Milliseconds since 1970, UTC. */
  readonly received_at: number | null;
  readonly image: Image;
  readonly view: View;
  readonly landmarks: readonly Landmark[];
  readonly measurements: readonly Measurement[];
  readonly findings: readonly Finding[];
  readonly quality: Quality;
  readonly engine: Engine;
  readonly timing_ms: Timing;
  readonly notice: string | null;
}

/** What a radiographer has decided about a film. */
export interface Decision {
  readonly action: "repeat" | "accept";
  readonly reason: string | null;
  readonly by: string;
  /** Milliseconds since 1970, UTC. */
  readonly at: number | null;
}

/** What became of a request. */
export interface Answer {
  readonly report_id: string;
  /** Why it was refused; `null` where it was taken. */
  readonly error: string | null;
  /** What stands now; without meaning where the request was refused. */
  readonly decision: Decision | null;
}

/** What a radiographer can ask for, and the reasons of DICOM CID 7011 in the contract's words. */
export type Action = "repeat" | "accept" | "withdraw";
export const REASONS = [
  "positioning", "motion_blur", "underexposed", "overexposed", "image_artifact", "grid", "no_image", "detector", "other_artifact",
  "mechanical", "electrical", "software", "processing", "double_exposure", "other", "unknown",
] as const;

/** How many films of a span of days are repeated, and why. */
export interface RejectPeriod {
  readonly first: string | null;
  readonly last: string | null;
  readonly films: number;
  readonly repeated: number;
  readonly suggested: number;
  readonly accepted: number;
  readonly undecided: number;
  readonly passed_over: number;
  readonly faults: number;
  /** 0…1. */
  readonly repeat_rate: number | null;
  readonly reasons: readonly { readonly reason: string; readonly repeated: number; readonly suggested: number }[];
  /** The share of the decided films on which verdict and radiographer agree, 0…1, and how many those are. */
  readonly agreement: { readonly films: number; readonly observed: number | null };
}

export interface Rejects {
  readonly today: RejectPeriod;
  readonly month: RejectPeriod;
}

export interface Source {
  readonly file: string;
  readonly sha256: string | null;
  readonly format: string | null;
  readonly sop_instance_uid: string | null;
  readonly study_key: string | null;
  readonly patient: string | null;
}

export interface Image {
  readonly width: number | null;
  readonly height: number | null;
  /** Millimetres a pixel. */
  readonly spacing_mm: number | null;
  readonly spacing_source: string | null;
}

export interface View {
  readonly position: string;
  readonly facing: string | null;
}

export interface Landmark {
  readonly vertebra: string;
  readonly corner: string;
  readonly x: number;
  readonly y: number;
  readonly sigma_px: number | null;
  readonly confidence: number | null;
  readonly stage: string | null;
}

/** Lower and upper end of the interval that holds the truth in nine films of ten. */
export type Interval = readonly [number, number];

interface MeasurementHead {
  readonly name: string;
  /** `C5`, `C5-C6`, or `null` for the whole neck. */
  readonly level: string | null;
  readonly unit: Unit | string;
  /** Its definition with the meaning of its sign, and who defined it so; earlier reports lack them. */
  readonly convention: string | null;
  readonly source: string | null;
}

/** A number exists exactly where it may be shown: a withheld measurement has none. */
export type Measurement =
  | (MeasurementHead & { readonly status: "ok"; readonly value: number; readonly ci90: Interval | null; readonly reason: null })
  | (MeasurementHead & { readonly status: "unreliable"; readonly value: number; readonly ci90: Interval | null; readonly reason: string })
  | (MeasurementHead & { readonly status: "withheld"; readonly value: null; readonly ci90: null; readonly reason: string });

export interface Finding {
  readonly name: string;
  readonly level: string | null;
  readonly present: boolean;
  readonly certainty: "clear" | "borderline" | string;
  readonly threshold: number | null;
  readonly detail: string | null;
}

export interface Reason {
  readonly code: string;
  readonly dicom_code: string | null;
  readonly text: string;
}

export interface Quality {
  readonly verdict: Verdict;
  /** The verdict as it stood on the wire. */
  readonly verdict_word: string;
  readonly reasons: readonly Reason[];
  readonly c7_visibility: string | null;
  /** The exposure in one word. */
  readonly exposure: string | null;
}

export interface Engine {
  readonly provider: string | null;
  readonly precision: string | null;
  /** Role, or role and short hash, as text. */
  readonly models: readonly string[];
}

export type Timing = Readonly<Partial<Record<"settle" | "decode" | "detect" | "measure" | "total", number>>>;

export const APPLIANCE_STATES = ["starting", "building_engines", "online", "degraded", "offline"] as const;
export type ApplianceState = (typeof APPLIANCE_STATES)[number] | "unknown";

export interface Status {
  readonly state: ApplianceState;
  readonly state_word: string;
  readonly since: number | null;
  readonly detail: string | null;
}

export interface Fault {
  readonly file: string;
  readonly code: string;
  readonly reason: string;
  readonly remedy: string | null;
  /** Where the file was put. */
  readonly put: string | null;
  readonly at: number | null;
}

/** A retained payload whose inside the page shows as it is: leaves as text, nothing interpreted. */
export type Leaves = readonly (readonly [path: string, value: string])[];

export interface Info {
  readonly version: string | null;
  readonly provider: string | null;
  readonly precision: string | null;
  readonly leaves: Leaves;
}

export interface Health {
  readonly at: number | null;
  readonly started_at: number | null;
  readonly films_waiting: number | null;
  readonly reports: number | null;
  readonly faults: number | null;
  /** Films of today that were no lateral neck. */
  readonly passed_over_today: number | null;
  readonly outbox: { readonly waiting: number | null; readonly set_aside: number | null; readonly oldest_at: number | null };
  readonly disk_free_bytes: number | null;
  readonly temperatures: readonly { readonly sensor: string; readonly celsius: number }[];
  /** Milliseconds from file complete to acknowledgement. */
  readonly latency_ms: { readonly films: number; readonly p50: number; readonly p90: number; readonly p99: number } | null;
  readonly last_error: { readonly at: number | null; readonly text: string } | null;
  readonly leaves: Leaves;
}

export interface Study {
  readonly study_key: string;
  readonly device: string | null;
  readonly patient: string | null;
  readonly updated_at: number | null;
  readonly films: readonly StudyFilm[];
  readonly missing: readonly string[];
  readonly dynamic: Dynamic | null;
  readonly summary: readonly string[];
  /** By language tag; holds that of `summary` too. */
  readonly summaries: readonly (readonly [language: string, lines: readonly string[]])[];
}

export interface StudyFilm {
  readonly report_id: string;
  readonly position: string;
  /** `current`, `replaced`, `unplaced`, or a word that this page does not know. */
  readonly status: string;
  readonly disagreement: string | null;
  readonly received_at: number | null;
  readonly verdict: Verdict;
  readonly decision: Decision | null;
}

/** Flexion and extension compared. */
export interface Dynamic {
  readonly range_of_motion: Measurement | null;
  readonly effort: string | null;
  readonly levels: readonly Motion[];
  readonly thresholds: { readonly slip_mm: number | null; readonly angle_deg: number | null; readonly effort_deg: number | null };
}

/** What one segment does between flexion and extension. */
export interface Motion {
  readonly level: string;
  readonly slip_change: Measurement | null;
  readonly angle_change: Measurement | null;
  readonly stability: string;
  readonly certainty: string | null;
}

/** What `GET /api/config` answers. */
export interface PageConfig {
  readonly version: string;
  /** The first part of every topic. */
  readonly prefix: string;
  /** The page's own device first; `+` stands for every other one. */
  readonly devices: readonly string[];
  readonly broker: Broker | null;
}

/** Where the broker listens for WebSockets: a whole address, a port on the page's own host, or a path of the page's own address. */
export interface Broker {
  readonly url: string | null;
  readonly port: number | null;
  readonly path: string;
  /** MQTT 5, or 4 for MQTT 3.1.1. */
  readonly protocol: 4 | 5;
}
