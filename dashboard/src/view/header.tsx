/** Top of the page: whose page, how the appliance and the broker are, and the count of verdicts. */

import type { PageConfig, Status } from "../contract.ts";
import { count, moment } from "../format.ts";
import { deviceOf, passedOver, type Link, type State } from "../store.ts";
import { states, verdicts } from "../words.ts";
import { StateMark, VerdictSign } from "./icons.tsx";

interface Props {
  readonly state: State;
  readonly config: PageConfig | null;
  readonly now: number;
}

export function Header({ state, config, now }: Props) {
  return (
    <header class="top">
      <p class="brand">
        <strong>Sagitta</strong>
      </p>
      <ul class="badges">
        {config?.devices.map((device) => (
          <ApplianceBadge key={device} device={device} status={deviceOf(state, device).status} link={state.link} now={now} />
        ))}
        <LinkBadge link={state.link} now={now} />
      </ul>
      <Counts state={state} />
    </header>
  );
}

interface ApplianceProps {
  readonly device: string;
  readonly status: Status | null;
  readonly link: Link;
  readonly now: number;
}

function ApplianceBadge({ device, status, link, now }: ApplianceProps) {
  const marks = { online: "good", degraded: "partial", starting: "waiting", building_engines: "waiting", offline: "bad", unknown: "waiting" } as const;
  // What was heard before the line broke may no longer be so.
  const stale = link.state === "lost" && status !== null;
  const name = status === null ? "No word yet" : status.state === "unknown" ? status.state_word : states[status.state];
  const since = status?.since == null ? null : `since ${moment(status.since, now, "short")}`;
  return (
    <li class={`badge${stale ? " stale" : ""}`} data-appliance={status?.state ?? "none"}>
      <StateMark state={status === null || stale ? "waiting" : marks[status.state]} />
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
    <li class="badge" role="status" data-link={link.state} title={link.detail ?? ""}>
      <StateMark state={mark} />
      <span>
        <b>{name}</b>
        <small>{detail}</small>
      </span>
    </li>
  );
}

function Counts({ state }: { readonly state: State }) {
  const shown = ["accept", "review", "repeat"] as const;
  const passed = passedOver(state);
  return (
    <ul class="counts" aria-label="Films in the list by verdict">
      {shown.map((verdict) => {
        const n = state.reports.filter((report) => report.quality.verdict === verdict).length;
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
