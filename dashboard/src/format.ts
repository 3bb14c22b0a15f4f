/** Numbers and times as people read them. A true minus sign, fixed decimals by unit, local time. */

import type { Interval, Measurement } from "./contract.ts";

const DECIMALS: Readonly<Record<string, number>> = { deg: 1, mm: 1, ratio: 2 };
const SIGNS: Readonly<Record<string, string>> = { deg: "°", mm: "\u202Fmm", ratio: "" };

/** The bare number of `unit`; zero never carries a sign. */
export function decimal(value: number, unit: string): string {
  const fixed = value.toFixed(DECIMALS[unit] ?? 2);
  return Number(fixed) === 0 ? fixed.replace("-", "") : fixed.replace("-", "−");
}

/** The number with its unit. A unit that is not known stands as it came. */
export function quantity(value: number, unit: string): string {
  return decimal(value, unit) + (SIGNS[unit] ?? (unit === "" ? "" : ` ${unit}`));
}

/** `low … high`, without the unit. */
export function range(ci90: Interval, unit: string): string {
  return `${decimal(ci90[0], unit)} … ${decimal(ci90[1], unit)}`;
}

/** A measurement where there is room for one word only. */
export function brief(measurement: Measurement): string {
  return measurement.status === "withheld" ? "–" : quantity(measurement.value, measurement.unit);
}

/** The unit at the head of a column. */
export function unitName(unit: string): string {
  return unit === "deg" ? "°" : unit === "ratio" ? "" : unit;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const SHORT_CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** The time of day, with the date in front where it is another day than `now`. */
export function moment(time: number | null, now: number, style: "long" | "short" = "long"): string {
  if (time === null) return "time unknown";
  const clock = (style === "long" ? CLOCK : SHORT_CLOCK).format(time);
  return DAY.format(time) === DAY.format(now) && now - time < 86_400_000 ? clock : `${DAY.format(time)}, ${clock}`;
}

/** How long ago, in one unit; `null` where it is long ago or where the clocks of page and appliance disagree. */
export function ago(time: number | null, now: number): string | null {
  if (time === null) return null;
  const minutes = Math.floor((now - time) / 60_000);
  if (minutes < -1 || minutes >= 12 * 60) return null;
  if (minutes < 1) return "just now";
  return minutes < 60 ? `${minutes} min ago` : `${Math.floor(minutes / 60)} h ago`;
}

/** `1 film`, `2 films`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** A file's last part, for a narrow place. */
export function fileName(file: string): string {
  return file.split("/").at(-1) || "unnamed file";
}

/** Milliseconds as milliseconds below a second, else as seconds. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
