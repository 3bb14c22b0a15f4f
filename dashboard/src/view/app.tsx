/** The whole page: header, the list, and the film that is looked at; without a choice, the newest. */

import { useEffect, useState } from "preact/hooks";

import type { Controller } from "../controller.ts";
import { fileName } from "../format.ts";
import { routeOf, type Route } from "../route.ts";
import { decisionOf, deviceOf, keyOf, type State } from "../store.ts";
import { plain, verdicts } from "../words.ts";
import { Detail } from "./detail.tsx";
import { Header } from "./header.tsx";
import { List } from "./list.tsx";
import { Troubles } from "./troubles.tsx";

/** How often times such as “since” are drawn anew when nothing arrives. */
const TICK_MS = 30_000;

export function App({ controller }: { readonly controller: Controller }) {
  const state = useController(controller);
  const route = useRoute();
  const now = useNow();
  const chosen = route === null ? undefined : state.reports.find((report) => keyOf(report) === route.key);
  const shown = chosen ?? state.reports[0];
  const key = shown === undefined ? null : keyOf(shown);
  useTitle(state);
  return (
    <div class="app" data-view={chosen === undefined ? "live" : "film"}>
      <a class="skip" href="#film">Skip to the film</a>
      <Header state={state} config={controller.config} now={now} />
      <Troubles state={state} now={now} />
      <div class="columns">
        {state.reports.length > 0 && <List state={state} shown={key} now={now} older={() => void controller.older()} />}
        <main id="film" tabIndex={-1}>
          {shown === undefined ? (
            <Empty state={state} />
          ) : (
            <Detail
              report={shown}
              overlay={state.overlays[key ?? ""]}
              study={state.studies.find((study) => study.study_key === shown.source.study_key)}
              device={deviceOf(state, shown.device)}
              stands={decisionOf(state, shown)}
              decide={state.link.state === "connected" ? (action, reason, by) => controller.decide(shown, action, reason, by) : null}
              following={chosen === undefined}
              doubt={doubt(state, shown.device)}
              now={now}
            />
          )}
        </main>
      </div>
      <p class="spoken" role="status">{announcement(state)}</p>
    </div>
  );
}

function Empty({ state }: { readonly state: State }) {
  const waiting = state.link.state === "connected" || state.history === "loaded";
  return (
    <div class="empty">
      <svg viewBox="0 0 64 96" aria-hidden="true" focusable="false">
        {[0, 1, 2, 3, 4, 5].map((i) => (
          <rect key={i} x={24 - 8 * Math.sin((Math.PI * (i + 0.5)) / 6)} y={4 + i * 15.5} width={22 + i} height="11" rx="3.5" transform={`rotate(${9 - i * 4} 30 ${9.5 + i * 15.5})`} />
        ))}
      </svg>
      <h2>{waiting ? "No film yet" : "One moment"}</h2>
      <p>
        {waiting
          ? "The next lateral cervical film that lands in the modality’s folder appears here by itself."
          : "The page is looking for the appliance and goes on by itself."}
      </p>
    </div>
  );
}

/** Why the newest film on the page may not be the newest film taken. */
function doubt(state: State, device: string): string | null {
  if (state.link.state === "lost") return "Connection lost: this is the last film the page heard of. A newer one may exist.";
  if (state.link.state === "none") return "This page is not live: a newer film may exist.";
  return deviceOf(state, device).status?.state === "offline" ? "The appliance is offline: newer films have not been measured." : null;
}

/** What a screen reader says when a film arrives. */
function announcement(state: State): string {
  const latest = state.reports.find((report) => keyOf(report) === state.latest);
  if (latest === undefined) return "";
  const { verdict, verdict_word } = latest.quality;
  return `New film: ${verdict === "unknown" ? plain(verdict_word) : verdicts[verdict].name}. ${fileName(latest.source.file)}`;
}

function useTitle(state: State): void {
  const newest = state.reports[0];
  const title = newest === undefined ? "Sagitta" : `${verdicts[newest.quality.verdict].name} · ${newest.device} · Sagitta`;
  useEffect(() => {
    document.title = title;
  }, [title]);
}

function useController(controller: Controller): State {
  const [state, setState] = useState(controller.state);
  useEffect(() => {
    const update = (): void => setState(controller.state);
    update();
    return controller.watch(update);
  }, [controller]);
  return state;
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const follow = (): void => {
      // The link that skips to the film names a place on the page, not a film.
      if (location.hash !== "#film") setRoute(routeOf(location.hash));
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
