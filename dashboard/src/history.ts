/** What the appliance remembers: reports from before the page was opened, or from while it was cut off. */

import type { PageConfig } from "./contract.ts";
import { parseConfig } from "./parse.ts";

/** Films fetched at once. */
export const PAGE_SIZE = 50;
const TIMEOUT_MS = 10_000;

/** A stretch of the appliance's memory, newest first. */
export interface Page {
  /** Reports as they were published, not yet read. */
  readonly reports: readonly unknown[];
  /** Give this to fetch what is older; `null` at the end. */
  readonly next: number | null;
}

/** Fetches reports older than `before`, or the newest. Throws with a plain reason. */
export async function fetchPage(before: number | null): Promise<Page> {
  const query = before === null ? `limit=${PAGE_SIZE}` : `limit=${PAGE_SIZE}&before=${before}`;
  const answer = await fetchJson(`/api/reports?${query}`);
  const { reports, next } = answer as { reports?: unknown; next?: unknown };
  if (!Array.isArray(reports)) throw new Error("the list of reports could not be read");
  return { reports, next: typeof next === "number" ? next : null };
}

/** Fetches the page's configuration. Throws with a plain reason. */
export async function fetchConfig(): Promise<PageConfig> {
  const config = parseConfig(await fetchJson("/api/config"));
  if (typeof config === "string") throw new Error(config);
  return config;
}

/** Fetches one report as it was published; `null` where the appliance has none of this name. Throws with a plain reason. */
export async function fetchReport(report_id: string): Promise<unknown> {
  const path = `/api/reports/${encodeURIComponent(report_id)}`;
  const answer = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: "application/json" } });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

/** Where the appliance keeps the bare film of a report. */
export function storedFilm(report_id: string): string {
  return `/api/reports/${encodeURIComponent(report_id)}/film`;
}

/** Where the appliance keeps the overlay of a report. */
export function storedOverlay(report_id: string): string {
  return `/api/reports/${encodeURIComponent(report_id)}/overlay`;
}

async function fetchJson(path: string): Promise<unknown> {
  const answer = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}
