/**
 * Holds the state and keeps it fed: configuration first, then the appliance's memory and the broker side by side.
 *
 * When the broker was away, the reports missed meanwhile are fetched from the appliance until one is known again.
 * Every request that fails is tried again; the page says so and goes on.
 */

import type { Action, PageConfig, Report } from "./contract.ts";
import { eventOf, eventsOfPage } from "./feed.ts";
import { fetchConfig, fetchPage, fetchReport } from "./history.ts";
import { brokerUrl, connect, type Connection } from "./link.ts";
import { Overlays } from "./overlays.ts";
import { initial, keyOf, reduce, type Event, type State } from "./store.ts";
import { requestTopic } from "./topics.ts";

const RETRY_MS = 5000;
/** Pages fetched to close a gap: with 50 films each, more than a room takes in a day. */
const MAX_CATCH_UP = 10;

export class Controller {
  #state = initial(Date.now());
  #config: PageConfig | null = null;
  #catching = false;
  #connection: Connection | null = null;
  readonly #overlays = new Overlays();
  /** Reports that were asked for by name, so that each is asked for once. */
  readonly #wanted = new Set<string>();
  readonly #watchers = new Set<() => void>();

  get state(): State {
    return this.#state;
  }

  /** `null` until the appliance has answered. */
  get config(): PageConfig | null {
    return this.#config;
  }

  /** Calls `watcher` after every change; the answer ends it. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Runs until the page is closed. */
  async start(): Promise<void> {
    const config = await this.#configuration();
    this.#config = config;
    void this.#catchUp();
    if (config.broker === null) {
      this.#dispatch({ type: "link", link: { state: "none", since: Date.now(), detail: null } });
      return;
    }
    this.#connection = connect(brokerUrl(config.broker, location), config.broker.protocol, config, {
      link: (link) => this.#dispatch({ type: "link", link }),
      ready: () => void this.#catchUp(),
      message: (topic, payload) => {
        const event = eventOf(config, this.#overlays, topic, payload);
        if (event !== null) this.#dispatch(event);
      },
    });
  }

  /** Fetches the films before the eldest one in the list. */
  async older(): Promise<void> {
    const before = this.#state.older;
    if (before === null) return;
    try {
      const page = await fetchPage(before);
      eventsOfPage(page, page.next).forEach((event) => this.#dispatch(event));
    } catch (error) {
      console.warn("Earlier films could not be fetched.", error);
      this.#dispatch({ type: "history", history: "failed" });
    }
  }

  /** Fetches a film by name that is not in the list: an older one of a study, or one that was linked. */
  async want(report_id: string): Promise<void> {
    if (this.#wanted.has(report_id)) return;
    this.#wanted.add(report_id);
    try {
      const report = await fetchReport(report_id);
      if (report !== null) eventsOfPage({ reports: [report], next: null }, undefined).forEach((event) => this.#dispatch(event));
    } catch (error) {
      console.warn("A film could not be fetched.", error);
      setTimeout(() => this.#wanted.delete(report_id), RETRY_MS);
    }
  }

  /** Sends a radiographer's word; the problem, or `null` where it was sent. What became of it comes as an answer. */
  async decide(report: Report, action: Action, reason: string | null, by: string): Promise<string | null> {
    if (this.#connection === null || this.#config === null) return "This page has no connection to the broker.";
    const payload = JSON.stringify({ report_id: report.report_id, action, reason, by });
    return this.#connection.publish(requestTopic(this.#config.prefix, report.device), payload);
  }

  async #configuration(): Promise<PageConfig> {
    for (;;) {
      try {
        return await fetchConfig();
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        this.#dispatch({ type: "link", link: { state: "connecting", since: Date.now(), detail } });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** Fetches the newest films, and further back until one is already in the list. */
  async #catchUp(): Promise<void> {
    if (this.#catching) return;
    this.#catching = true;
    const known = new Set(this.#state.reports.map(keyOf));
    const first = known.size === 0;
    try {
      let before: number | null = null;
      for (let pages = 0; pages < MAX_CATCH_UP; pages += 1) {
        const page = await fetchPage(before);
        // Only the first look back moves the end of the list; a gap that is closed lies above it.
        const events = eventsOfPage(page, first ? page.next : undefined);
        // What cannot be read has no name to be known by: it is counted on the first look only.
        events.filter((event) => first || event.type !== "unreadable").forEach((event) => this.#dispatch(event));
        before = page.next;
        if (first || before === null || page.reports.some((report) => known.has(rawKey(report)))) break;
      }
      this.#dispatch({ type: "history", history: "loaded" });
    } catch (error) {
      console.warn("The appliance's memory could not be read.", error);
      this.#dispatch({ type: "history", history: "failed" });
      setTimeout(() => void this.#catchUp(), RETRY_MS);
    } finally {
      this.#catching = false;
    }
  }

  #dispatch(event: Event): void {
    const next = reduce(this.#state, event);
    if (next === this.#state) return;
    this.#state = next;
    this.#watchers.forEach((watcher) => watcher());
  }
}

function rawKey(report: unknown): string {
  const { device, report_id } = (report ?? {}) as { device?: unknown; report_id?: unknown };
  return `${String(device)}/${String(report_id)}`;
}
