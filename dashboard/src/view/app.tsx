/** The whole page: header, the list, and the film that is looked at; without a choice, the newest. */

import { useEffect, useLayoutEffect, useState } from "preact/hooks";

import type { Controller } from "../controller.ts";
import type { Report } from "../contract.ts";
import { fileName } from "../format.ts";
import { LIVE, routeOf, type Route } from "../route.ts";
import { decisionOf, deviceOf, keyOf, roomsOf, type State } from "../store.ts";
import { plain, verdicts } from "../words.ts";
import { Appliances } from "./appliances.tsx";
import { Detail } from "./detail.tsx";
import { Header } from "./header.tsx";
import { List } from "./list.tsx";
import { Statistics } from "./statistics.tsx";
import { StudyView } from "./study.tsx";
import { Troubles } from "./troubles.tsx";

/** How often times such as “since” are drawn anew when nothing arrives. */
const TICK_MS = 30_000;

export function App({ controller }: { readonly controller: Controller }) {
  const state = useController(controller);
  const route = useRoute();
  const now = useNow();
  const room = useRoom(route);
  const rooms = roomsOf(state, controller.config?.devices ?? []);
  const reports = room === null ? state.reports : state.reports.filter((report) => report.device === room);
  const chosen = route.view === "film" ? state.reports.find((report) => keyOf(report) === route.key) : undefined;
  const shown = chosen ?? reports[0];
  const wide = route.view === "statistics" || route.view === "appliances";
  useTitle(reports);
  useWanted(controller, route, chosen);
  useTop(route);
  const view = wide ? route.view : chosen !== undefined ? "film" : route.view === "study" ? "study" : "live";
  return (
    <div class="app" data-view={view}>
      <a class="skip" href="#film">Skip to the film</a>
      <Header state={state} rooms={rooms} reports={reports} route={route} room={room} now={now} />
      <Troubles state={state} rooms={rooms} own={controller.config?.devices[0] ?? null} now={now} />
      <div class="columns">
        {!wide && reports.length > 0 && (
          <List state={state} reports={reports} rooms={rooms.length > 1} shown={view === "study" || shown === undefined ? null : keyOf(shown)} now={now} older={() => void controller.older()} />
        )}
        <main id="film" tabIndex={-1}>
          {route.view === "statistics" ? <Statistics state={state} rooms={rooms} />
            : route.view === "appliances" ? <Appliances state={state} rooms={rooms} now={now} />
            : route.view === "study" ? <Joined controller={controller} state={state} study_key={route.key} now={now} />
            : shown === undefined ? <Empty state={state} />
            : <Film controller={controller} state={state} report={shown} several={rooms.length > 1} following={chosen === undefined} now={now} />}
        </main>
      </div>
      <p class="spoken" role="status">{announcement(state)}</p>
    </div>
  );
}

interface FilmProps {
  readonly controller: Controller;
  readonly state: State;
  readonly report: Report;
  readonly several: boolean;
  readonly following: boolean;
  readonly now: number;
}

function Film({ controller, state, report, several, following, now }: FilmProps) {
  const key = keyOf(report);
  return (
    <Detail
      key={key}
      report={report}
      several={several}
      overlay={state.overlays[key]}
      ours={report.device === controller.config?.devices[0]}
      study={state.studies.find((study) => study.study_key === report.source.study_key)}
      device={deviceOf(state, report.device)}
      stands={decisionOf(state, report)}
      decide={state.link.state === "connected" ? (action, reason, by) => controller.decide(report, action, reason, by) : null}
      following={following}
      doubt={doubt(state, report.device)}
      now={now}
    />
  );
}

function Joined({ controller, state, study_key, now }: { readonly controller: Controller; readonly state: State; readonly study_key: string; readonly now: number }) {
  const study = state.studies.find((candidate) => candidate.study_key === study_key);
  if (study === undefined) {
    return (
      <div class="empty">
        <h2>No such study</h2>
        <p>The appliance has not told of these films, or has forgotten them: studies expire. <a href={LIVE}>Newest film</a></p>
      </div>
    );
  }
  return <StudyView study={study} reports={state.reports} overlays={state.overlays} own={controller.config?.devices[0] ?? ""} want={(id) => void controller.want(id)} now={now} />;
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

function useTitle(reports: readonly Report[]): void {
  const newest = reports[0];
  const title = newest === undefined ? "Sagitta" : `${verdicts[newest.quality.verdict].name} · ${newest.device} · Sagitta`;
  useLayoutEffect(() => {
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

/** The room that was chosen last: a film or a board does not change it. */
function useRoom(route: Route): string | null {
  const [room, setRoom] = useState<string | null>(route.view === "live" ? route.room : null);
  useEffect(() => {
    if (route.view === "live") setRoom(route.room);
  }, [route]);
  return route.view === "live" ? route.room : room;
}

/** What is chosen begins at its top. */
function useTop(route: Route): void {
  useEffect(() => document.getElementById("film")?.scrollTo(0, 0), [route]);
}

/** A film that is linked and not in the list is asked for. */
function useWanted(controller: Controller, route: Route, chosen: Report | undefined): void {
  const wanted = route.view === "film" && chosen === undefined ? route.key : null;
  const own = controller.config?.devices[0];
  useEffect(() => {
    if (wanted !== null && own !== undefined && wanted.startsWith(`${own}/`)) void controller.want(wanted.slice(own.length + 1));
  }, [controller, wanted, own]);
}

function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
