/** Where an interval and a threshold stand on a bar: pure arithmetic, so that a bar never says anything but the numbers. */

import type { Finding, Interval, Measurement } from "./contract.ts";

/** A threshold of a finding and the side on which the finding lies. */
export interface Threshold {
  readonly at: number;
  /** `both`: beyond it in either direction. */
  readonly beyond: "above" | "below" | "both";
}

/** The finding that judges a quantity. */
const JUDGES: Readonly<Record<string, readonly [finding: string, beyond: Threshold["beyond"]]>> = {
  c2_c7_cobb: ["severe_kyphosis", "below"],
  sva: ["sagittal_imbalance", "above"],
  slip_distance: ["instability", "both"],
  pavlov: ["developmental_canal_stenosis", "below"],
};

/** The threshold that the report used for a quantity; `null` where it used none. */
export function thresholdOf(name: string, findings: readonly Finding[]): Threshold | null {
  const judge = JUDGES[name];
  const at = judge === undefined ? undefined : findings.find((finding) => finding.name === judge[0] && finding.threshold !== null)?.threshold;
  return judge === undefined || at == null ? null : { at, beyond: judge[1] };
}

/** The usual span of a quantity, so that films can be compared by eye; what lies beyond widens it. */
const SPANS: Readonly<Record<string, readonly [number, number]>> = {
  c2_c7_cobb: [-30, 60], c2_c6_cobb: [-30, 60], c2_slope: [-20, 50], c7_slope: [-10, 60], sva: [-30, 70],
  slip_distance: [-6, 6], pavlov: [0.4, 1.4], slip_change: [0, 7], angle_change: [0, 22], range_of_motion: [0, 90],
};

/** A bar, every place from 0 to 1. */
export interface Bar {
  readonly value: number;
  readonly interval: readonly [from: number, to: number] | null;
  readonly zero: number | null;
  readonly threshold: number | null;
  /** Where the finding lies. */
  readonly beyond: readonly (readonly [from: number, to: number])[];
  /** How the interval stands to the threshold. */
  readonly side: "none" | "within" | "beyond" | "crosses";
}

/** The bar of a number that may be shown; `null` for one that is withheld and for a quantity without a usual span. */
export function bar(name: string, value: number, ci90: Interval | null, threshold: Threshold | null): Bar | null {
  const span = SPANS[name];
  if (span === undefined) return null;
  const marks = [value, ...(ci90 ?? []), ...(threshold === null ? [] : threshold.beyond === "both" ? [-threshold.at, threshold.at] : [threshold.at])];
  const [low, high] = [Math.min(span[0], ...marks), Math.max(span[1], ...marks)];
  const place = (x: number): number => (x - low) / (high - low);
  return {
    value: place(value),
    interval: ci90 === null ? null : [place(ci90[0]), place(ci90[1])],
    zero: low < 0 && high > 0 ? place(0) : null,
    threshold: threshold === null ? null : place(threshold.at),
    beyond: threshold === null ? [] : beyond(threshold).map(([from, to]) => [place(Math.max(from, low)), place(Math.min(to, high))] as const),
    side: threshold === null ? "none" : side(value, ci90, threshold),
  };
}

function beyond({ at, beyond: where }: Threshold): readonly (readonly [number, number])[] {
  if (where === "above") return [[at, Infinity]];
  if (where === "below") return [[-Infinity, at]];
  return [[-Infinity, -at], [at, Infinity]];
}

function side(value: number, ci90: Interval | null, threshold: Threshold): Bar["side"] {
  const lies = (x: number): boolean => (threshold.beyond === "above" ? x > threshold.at : threshold.beyond === "below" ? x < threshold.at : Math.abs(x) > threshold.at);
  const ends = ci90 === null ? [value] : [ci90[0], ci90[1]];
  // An interval around zero has both ends within although one may lie beyond on each side: the ends tell.
  const beyond = ends.map(lies);
  if (beyond.every(Boolean) && lies(value)) return "beyond";
  return beyond.some(Boolean) || lies(value) ? "crosses" : "within";
}

/** What a bar says in words, for those who do not see it. */
export function spoken(measurement: Measurement, side: Bar["side"]): string | null {
  if (measurement.status === "withheld") return null;
  return { none: null, within: "on the usual side of the threshold", beyond: "beyond the threshold", crosses: "the interval crosses the threshold" }[side];
}
