/** Top of the page: whose page, how the appliance and the broker are, and the count of verdicts. */

import { useLayoutEffect, useState } from "preact/hooks";

import type { Report, Status } from "../contract.ts";
import { count, moment } from "../format.ts";
import { APPLIANCES, hrefOfRoom, STATISTICS, type Route } from "../route.ts";
import { deviceOf, passedOver, type Link, type State } from "../store.ts";
import { choose, next, remembered } from "../theme.ts";
import { states, verdicts } from "../words.ts";
import { MARKS } from "./appliances.tsx";
import { StateMark, VerdictSign } from "./icons.tsx";

/** More rooms than this stand in the list of appliances, and only the count of them here. */
const MAX_BADGES = 4;

interface Props {
  readonly state: State;
  readonly rooms: readonly string[];
  /** The films that are looked at. */
  readonly reports: readonly Report[];
  readonly route: Route;
  /** The room whose films are looked at; `null` for all. */
  readonly room: string | null;
  readonly now: number;
}

export function Header({ state, rooms, reports, route, room, now }: Props) {
  const live = route.view === "live" || route.view === "film" || route.view === "study";
  return (
    <header class="top">
      <p class="brand">
        <strong>Sagitta</strong>
      </p>
      <ul class="badges">
        {rooms.slice(0, MAX_BADGES).map((device) => (
          <ApplianceBadge key={device} device={device} status={deviceOf(state, device).status} link={state.link} now={now} />
        ))}
        {rooms.length > MAX_BADGES && <li class="badge"><a href={APPLIANCES}>and {count(rooms.length - MAX_BADGES, "room")} more</a></li>}
        <LinkBadge link={state.link} now={now} />
      </ul>
      <nav class="views" aria-label="Views">
        <a href={hrefOfRoom(room)} aria-current={live ? "page" : undefined}>Films</a>
        <a href={STATISTICS} aria-current={route.view === "statistics" ? "page" : undefined}>Repeats</a>
        <a href={APPLIANCES} aria-current={route.view === "appliances" ? "page" : undefined}>Appliances</a>
        <ThemeButton />
      </nav>
      {rooms.length > 1 && live && (
        <nav class="rooms" aria-label="Rooms">
          <a href={hrefOfRoom(null)} aria-current={room === null ? "true" : undefined}>All rooms</a>
          {rooms.map((device) => <a key={device} class="payload" href={hrefOfRoom(device)} aria-current={room === device ? "true" : undefined}>{device}</a>)}
        </nav>
      )}
      {live && <Counts state={state} reports={reports} />}
    </header>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(remembered);
  // Before the next picture is drawn: no flash of the other colours.
  useLayoutEffect(() => choose(theme), [theme]);
  const name = { system: "as the system wishes", light: "light", dark: "dark" }[theme];
  return (
    <button type="button" class="theme" aria-label={`Colours: ${name}. Change`} title={`Colours: ${name}`} onClick={() => setTheme(next(theme))}>
      <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        <circle cx="12" cy="12" r="8.2" fill="none" stroke="currentColor" stroke-width="1.8" />
        {theme !== "light" && <path d={theme === "dark" ? "M12 3.8a8.2 8.2 0 1 0 0 16.4 8.2 8.2 0 1 0 0-16.4z" : "M12 3.8a8.2 8.2 0 0 0 0 16.4z"} fill="currentColor" />}
      </svg>
    </button>
  );
}

interface ApplianceProps {
  readonly device: string;
  readonly status: Status | null;
  readonly link: Link;
  readonly now: number;
}

function ApplianceBadge({ device, status, link, now }: ApplianceProps) {
  // What was heard before the line broke may no longer be so.
  const stale = link.state === "lost" && status !== null;
  const name = status === null ? "No word yet" : status.state === "unknown" ? status.state_word : states[status.state];
  const since = status?.since == null ? null : `since ${moment(status.since, now, "short")}`;
  return (
    <li class={`badge${stale ? " stale" : ""}`} data-appliance={status?.state ?? "none"}>
      <StateMark state={status === null || stale ? "waiting" : MARKS[status.state]} />
      <span>
        <b class="payload">{device}</b> <span class="payload">{name}</span>
        {stale ? " when last heard" : null}
        <small>{[since, status?.detail].filter(Boolean).join(" · ")}</small>
      </span>
    </li>
  );
}

function LinkBadge({ link, now }: { readonly link: Link; readonly now: number }) {
  const words = {
    none: ["waiting", "Not live", "no broker is configured for this page"],
    connecting: ["waiting", "Connecting", link.detail],
    connected: ["good", "Live", `since ${moment(link.since, now, "short")}`],
    lost: ["bad", "Connection lost", `since ${moment(link.since, now, "short")}, trying again`],
  } as const;
  const [mark, name, detail] = words[link.state];
  return (
    <li class="badge" data-link={link.state} title={link.detail ?? ""}>
      <StateMark state={mark} />
      <span role="status">
        <b>{name}</b>
        <small>{detail}</small>
      </span>
    </li>
  );
}

function Counts({ state, reports }: { readonly state: State; readonly reports: readonly Report[] }) {
  const shown = ["accept", "review", "repeat"] as const;
  const passed = passedOver(state);
  return (
    <ul class="counts" aria-label="Films in the list by verdict">
      {shown.map((verdict) => {
        const n = reports.filter((report) => report.quality.verdict === verdict).length;
        return (
          <li key={verdict} class={`verdict-${verdict}`} data-count={verdict} aria-label={`${verdicts[verdict].name}: ${count(n, "film")}`}>
            <VerdictSign verdict={verdict} />
            <b>{n}</b>
          </li>
        );
      })}
      <li class="verdict-not_applicable" data-count="not_applicable" aria-label={`Not a neck, passed over: ${count(passed, "film")}`}>
        <VerdictSign verdict="not_applicable" />
        <b>{passed}</b>
        <small>not a neck</small>
      </li>
    </ul>
  );
}
