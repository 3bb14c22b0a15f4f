/** Payloads as the contract writes them. Realistic numbers, invented patients. */

type Json = Record<string, unknown>;

export const NOTICE =
  "A measuring aid, not a diagnosis. The models were trained on synthetic films and are not cleared for clinical use; " +
  "a qualified reader must check every number on the film.";

const SEGMENTS = ["C2-C3", "C3-C4", "C4-C5", "C5-C6", "C6-C7"];
const VERTEBRAE = ["C3", "C4", "C5", "C6", "C7"];

export function ok(name: string, level: string | null, value: number, unit: string, half: number): Json {
  return { name, level, value, unit, ci90: [value - half, value + half], status: "ok", reason: null };
}

export function withheld(name: string, level: string | null, unit: string, reason: string): Json {
  return { name, level, value: null, unit, ci90: null, status: "withheld", reason };
}

export function unreliable(name: string, level: string | null, value: number, unit: string, half: number, reason: string): Json {
  return { ...ok(name, level, value, unit, half), status: "unreliable", reason };
}

/** The full table of one neck; `shift` makes necks differ. */
export function measurements(shift = 0): Json[] {
  const each = (names: string[], levels: string[], make: (i: number, j: number) => [number, string, number]): Json[] =>
    names.flatMap((name, i) => levels.map((level, j) => ok(name, level, ...make(i, j))));
  return [
    { ...ok("c2_c7_cobb", null, 12.4 - shift, "deg", 2.1), convention: "angle from C7's inferior to C2's inferior end-plate; lordosis positive", source: "paper A, eqs 9-12" },
    ok("c2_c6_cobb", null, 9.8 - shift, "deg", 1.8),
    ok("c2_slope", null, 11.2 + shift / 2, "deg", 1.1),
    ok("c7_slope", null, 22.6 - shift / 2, "deg", 1.9),
    ok("sva", null, 18.7 + shift, "mm", 1.4),
    ...each(["segmental_angle"], SEGMENTS, (_, j) => [2.1 + 0.4 * j - shift / 5, "deg", 1.3]),
    ...each(["slip_distance"], SEGMENTS, (_, j) => [0.4 - 0.3 * j, "mm", 0.5]),
    ...each(["slip_angle"], SEGMENTS, (_, j) => [3.3 - 0.6 * j, "deg", 1.2]),
    ...each(["sdvb"], VERTEBRAE, (_, j) => [16.2 + 0.3 * j, "mm", 0.4]),
    ...each(["sdvc"], VERTEBRAE, (_, j) => [15.1 + 0.1 * j, "mm", 0.7]),
    ...each(["pavlov"], VERTEBRAE, (_, j) => [0.93 - 0.01 * j, "ratio", 0.05]),
    ...each(["disc_height_anterior", "disc_height_middle", "disc_height_posterior"], SEGMENTS, (i, j) => [5.6 - 0.7 * i + 0.1 * j, "mm", 0.5]),
    ...each(["body_wedge"], VERTEBRAE, (_, j) => [-1.4 + 0.5 * j, "deg", 1.0]),
  ];
}

export function findings(): Json[] {
  return [
    { name: "severe_kyphosis", level: null, present: false, certainty: "clear", threshold: -13 },
    { name: "sagittal_imbalance", level: null, present: false, certainty: "clear", threshold: 40 },
    { name: "developmental_canal_stenosis", level: "C3-C5", present: false, certainty: "clear", threshold: 0.75 },
  ];
}

/** A good neutral film; whatever is in `change` takes the place of the field of that name. */
export function report(seq: number, change: Json = {}): Json {
  const received = new Date(Date.UTC(2025, 2, 4, 9, 0, 0) + seq * 97_000);
  return {
    schema: "sagitta.report/1",
    report_id: `r-${String(seq).padStart(6, "0")}`,
    seq,
    historical: false,
    device: "room-1",
    source: {
      file: `2025-03-04/CR${String(1000 + seq)}.dcm`,
      sha256: String(seq).padStart(64, "0"),
      format: "dicom",
      sop_instance_uid: `2.25.1000${seq}`,
      study_key: `st-${Math.floor(seq / 3)}`,
      patient: `p-${(seq * 7919).toString(16)}`,
    },
    acquired_at: "2025-03-04T10:00:12",
    received_at: received.toISOString(),
    image: { width: 2500, height: 3000, spacing_mm: 0.1431, spacing_source: "pixel_spacing_calibrated" },
    view: { position: "neutral", facing: "left" },
    landmarks: landmarks(),
    measurements: measurements(),
    findings: findings(),
    quality: { verdict: "accept", reasons: [], c7_visibility: "full", exposure: { state: "good", exposure_index: 412, deviation_index: 0.3 } },
    engine: { provider: "cpu", precision: "fp32", models: [{ role: "detector", sha256: "a".repeat(64) }] },
    timing_ms: { settle: 210, decode: 180, detect: 640, measure: 3, total: 1090 },
    notice: NOTICE,
    ...change,
  };
}

export function review(seq: number, change: Json = {}): Json {
  const hidden = "C7 is partly hidden by the shoulders; the number rests on a landmark that was guessed.";
  return report(seq, {
    measurements: measurements(9).map((m) =>
      m["name"] === "c2_c7_cobb" ? unreliable("c2_c7_cobb", null, 3.4, "deg", 5.2, hidden)
      : m["name"] === "c7_slope" ? unreliable("c7_slope", null, 18.1, "deg", 4.9, hidden)
      : m["name"] === "sva" ? ok("sva", null, 41.2, "mm", 1.8)
      : m["level"] === "C6-C7" ? { ...m, status: "unreliable", reason: hidden } : m),
    findings: [
      { name: "sagittal_imbalance", level: null, present: true, certainty: "borderline", threshold: 40, detail: "SVA 41.2 mm" },
      ...findings().filter((f) => f["name"] !== "sagittal_imbalance"),
    ],
    quality: {
      verdict: "review",
      reasons: [{ code: "c7_partly_hidden", dicom_code: "111209", text: "The shoulders cover the lower half of C7. Next time let both shoulders hang, with a weight in each hand." }],
      c7_visibility: "partial",
      exposure: "good",
    },
    view: { position: "flexion", facing: "left" },
    ...change,
  });
}

export function repeat(seq: number, change: Json = {}): Json {
  const cut = "C7 lies outside the exposed field.";
  const spacing = "The film carries no trustworthy millimetre scale.";
  return report(seq, {
    image: { width: 2500, height: 3000, spacing_mm: null, spacing_source: null },
    measurements: measurements(4).map((m) =>
      m["unit"] === "mm" ? withheld(String(m["name"]), m["level"] as string | null, "mm", spacing)
      : m["name"] === "c2_c7_cobb" || m["name"] === "c7_slope" || m["level"] === "C7" || m["level"] === "C6-C7"
        ? withheld(String(m["name"]), m["level"] as string | null, String(m["unit"]), cut) : m),
    findings: [],
    quality: {
      verdict: "repeat",
      reasons: [
        { code: "level_cut_off", dicom_code: "111209", text: "C7 is cut off at the lower edge of the film. Move the field 4 cm down and open the collimation so that T1 is on the film." },
        { code: "under_exposed", dicom_code: "111211", text: "The film is under-exposed (deviation index −4.1). Raise the mAs or let the automatic exposure control use the middle chamber." },
      ],
      c7_visibility: "hidden",
      exposure: { state: "under", deviation_index: -4.1 },
    },
    view: { position: "extension", facing: "left" },
    ...change,
  });
}

export const notANeck = (seq: number): Json =>
  report(seq, { measurements: [], findings: [], landmarks: [], quality: { verdict: "not_applicable", reasons: [], c7_visibility: null, exposure: "unknown" } });

export const status = (state: string, detail: string | null = null): Json => ({ state, since: "2025-03-04T06:58:03Z", detail });

export const fault = (file: string, change: Json = {}): Json => ({
  file,
  code: "truncated",
  reason: "The file ends 1 204 112 bytes before its pixel data does.",
  remedy: "Send the film again from the modality; the transfer was cut short.",
  put: "quarantine/CR2001.dcm",
  received_at: "2025-03-04T09:12:44Z",
  ...change,
});

/** Twenty films of a morning: mostly good, as it should be. */
export function morning(): Json[] {
  return Array.from({ length: 20 }, (_, i) => (i % 9 === 4 ? repeat(i) : i % 5 === 2 ? review(i) : report(i, { measurements: measurements(i % 7) })));
}

/** What the appliance answers to a request about film `seq`. */
export const answer = (seq: number, decision: Json | null, error: string | null = null): Json => ({
  schema: "sagitta.repeat_response/1",
  device: "room-1",
  report_id: `r-${String(seq).padStart(6, "0")}`,
  status: error === null ? "ok" : "refused",
  error,
  code: error === null ? null : "unknown_report",
  decision,
});

export const decision = (action: string, reason: string | null = null): Json => ({
  action, reason, dicom_code: reason === null ? null : "111209", by: "RT 7", at: "2025-03-04T09:41:12.000Z",
});

/** Repeat analysis of a morning and its month. */
export function rejects(): Json {
  const period = (films: number, repeated: number, suggested: number, reasons: Json[]): Json =>
    ({ first: "2025-03-01", last: "2025-03-04", films, repeated, repeat_rate: repeated / films, suggested, reasons });
  const reason = (word: string, repeated: number): Json => ({ reason: word, repeated, suggested: repeated });
  return {
    schema: "sagitta.rejects/1",
    today: period(20, 1, 2, [reason("positioning", 1)]),
    month: period(212, 14, 19, [reason("positioning", 9), reason("motion_blur", 4), reason("overexposed", 1)]),
  };
}

/** A study of one patient: neutral, two flexions of which the later counts, extension; C4–C5 moves too much. */
export function study(change: Json = {}): Json {
  const film = (seq: number, position: string, change: Json = {}): Json => ({
    report_id: `r-${String(seq).padStart(6, "0")}`, position, told_by: "header", header: position, anatomy: "unknown", disagreement: null,
    status: "current", replaced_by: null, acquired_at: "2025-03-04T10:00:12", received_at: "2025-03-04T09:05:00.000Z", verdict: "accept",
    c7_visibility: "full", decision: null, ...change,
  });
  const change_of = (name: string, level: string, value: number, unit: string, half: number): Json =>
    ({ name, level, value, unit, ci90: [Math.max(0, value - half), value + half], status: "ok", reason: null });
  const level = (name: string, slip: number, angle: number, stability: string, certainty: string | null): Json => ({
    level: name, slip_change: change_of("slip_change", name, slip, "mm", 0.8), angle_change: change_of("angle_change", name, angle, "deg", 2.4), stability, certainty,
  });
  return {
    schema: "sagitta.study/1", study_key: "st-0", device: "room-1", patient: "p-1eef", joined_by: "study_instance_uid",
    updated_at: "2025-03-04T09:06:00.000Z", expires_at: "2025-03-05T09:06:00.000Z",
    films: [film(0, "neutral"), film(3, "flexion", { status: "replaced", replaced_by: "r-000001", verdict: "repeat" }), film(1, "flexion"), film(2, "extension", { verdict: "review" })],
    missing: [],
    dynamic: {
      flexion: "r-000001", extension: "r-000002",
      range_of_motion: { name: "range_of_motion", level: "C2-C7", value: 41.3, unit: "deg", ci90: [36.9, 45.8], status: "ok", reason: null },
      effort: "sufficient",
      levels: [
        level("C2-C3", 0.6, 4.1, "stable", "clear"), level("C3-C4", 1.1, 8.9, "stable", "borderline"), level("C4-C5", 4.6, 14.2, "unstable", "clear"),
        level("C5-C6", 0.9, 6.2, "insufficient_effort", null),
        { level: "C6-C7", slip_change: withheld("slip_change", "C6-C7", "mm", "C7 is hidden on the flexion."), angle_change: withheld("angle_change", "C6-C7", "deg", "C7 is hidden on the flexion."), stability: "undetermined", certainty: null },
      ],
      thresholds: { slip_mm: 3.5, angle_deg: 11, effort_deg: 5 },
    },
    language: "en",
    summary: ["Dynamic instability at C4–C5: slip changes by 4.6 mm (threshold 3.5 mm), angle by 14.2° (threshold 11°).", "A measuring aid, not a diagnosis."],
    summaries: {
      en: ["Dynamic instability at C4–C5: slip changes by 4.6 mm (threshold 3.5 mm), angle by 14.2° (threshold 11°).", "A measuring aid, not a diagnosis."],
      "zh-Hans": ["C4–C5 动态不稳：滑移变化 4.6 mm（阈值 3.5 mm），角度变化 14.2°（阈值 11°）。", "本结果为测量辅助，不作诊断。"],
    },
    notice: NOTICE,
    ...change,
  };
}

/** Six necks' corners on a film of 2500 × 3000 pixels, patient facing left, in the contract's words. */
export function landmarks(): Json[] {
  const at = (vertebra: string, corner: string, x: number, y: number): Json => ({ vertebra, corner, x, y, sigma_px: 6, confidence: 0.95, stage: vertebra === "C7" ? "refined" : "global" });
  return ["C2", "C3", "C4", "C5", "C6", "C7"].flatMap((name, i) => {
    const [x, y] = [1150 - 12 * (i - 2.5) ** 2 + 60 * i, 760 + i * 290];
    const tilt = 30 - 14 * i;
    const corners = [
      at(name, "antero_superior", x, y + tilt), at(name, "antero_inferior", x - 5, y + 200 + tilt),
      at(name, "postero_superior", x + 290, y), at(name, "postero_inferior", x + 285, y + 200),
    ];
    if (name === "C2") return corners;
    return [...corners, at(name, "spinolaminar_superior", x + 590, y + 40), at(name, "spinolaminar_inferior", x + 600, y + 180)];
  });
}

/** How the appliance is. */
export const health = (change: Json = {}): Json => ({
  schema: "sagitta.health/1", at: "2025-03-04T09:12:00.000Z", started_at: "2025-03-04T06:58:00.000Z", films_waiting: 0, reports: 20, faults: 1,
  passed_over_today: 3, outbox: { waiting: 0, set_aside: 0, bytes: 0, oldest_at: null }, disk_free_bytes: 41_000_000_000,
  temperatures: [{ sensor: "cpu-thermal", celsius: 51.5 }, { sensor: "gpu-thermal", celsius: 54.2 }],
  latency_ms: { films: 20, p50: 1090, p90: 1320, p99: 1610 }, last_error: null, ...change,
});

export const info = (): Json => ({
  schema: "sagitta.info/1", device: "room-1", version: "0.1.0", revision: "abc1234", provider: "cpu", precision: "fp32",
  models: [{ role: "detector", sha256: "a".repeat(64) }], schemas: ["sagitta.report/1"], notice: NOTICE,
});
