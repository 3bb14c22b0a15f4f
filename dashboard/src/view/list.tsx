/** The films, newest on top: verdict, time, file and the two numbers that are read first. */

import type { Decision, Measurement, Report } from "../contract.ts";
import { brief, fileName, moment } from "../format.ts";
import { hrefOf } from "../route.ts";
import { decisionOf, keyOf, type State } from "../store.ts";
import { positions, quantities, verdicts } from "../words.ts";
import { VerdictSign } from "./icons.tsx";

/** C2–C6 stands in for C2–C7 where the shoulders hide C7. */
export function headline(report: Report): readonly Measurement[] {
  const find = (name: string): Measurement | undefined => report.measurements.find((m) => m.name === name && m.level === null);
  const cobb = find("c2_c7_cobb");
  const shorter = find("c2_c6_cobb");
  const shown = cobb?.value == null && shorter?.value != null ? shorter : cobb;
  return [shown, find("sva")].flatMap((measurement) => measurement ?? []);
}

interface Props {
  readonly state: State;
  /** Those of the rooms that are looked at. */
  readonly reports: readonly Report[];
  /** Whether rows say in which room the film was taken. */
  readonly rooms: boolean;
  /** The film in the detail view. */
  readonly shown: string | null;
  readonly now: number;
  readonly older: () => void;
}

export function List({ state, reports, rooms, shown, now, older }: Props) {
  return (
    <nav class="list" aria-label="Films, newest first">
      <ol onKeyDown={step}>
        {reports.map((report) => (
          <Row key={keyOf(report)} report={report} room={rooms} current={keyOf(report) === shown} fresh={keyOf(report) === state.latest} decision={decisionOf(state, report).decision} now={now} />
        ))}
      </ol>
      {state.older !== null && (
        <button type="button" class="older" onClick={older}>
          Earlier films
        </button>
      )}
    </nav>
  );
}

interface RowProps {
  readonly report: Report;
  readonly room: boolean;
  readonly decision: Decision | null;
  readonly current: boolean;
  readonly fresh: boolean;
  readonly now: number;
}

function Row({ report, room, decision, current, fresh, now }: RowProps) {
  const { verdict, verdict_word } = report.quality;
  const position = report.view.position === "unknown" ? null : (positions[report.view.position] ?? report.view.position);
  return (
    <li>
      <a
        class={`row verdict-${verdict}${fresh ? " fresh" : ""}`}
        href={hrefOf(keyOf(report))}
        aria-current={current ? "true" : undefined}
        data-report={report.report_id}
      >
        <VerdictSign verdict={verdict} />
        <span class="row-word payload">{verdict === "unknown" ? verdict_word || verdicts.unknown.name : verdicts[verdict].name}</span>
        <time class="row-time">{moment(report.received_at, now)}</time>
        <span class="row-file">
          <span class="payload" title={report.source.file}>
            {fileName(report.source.file)}
          </span>
          {position !== null && <span class="payload">{position}</span>}
          {room && <span class="payload row-room">{report.device}</span>}
          {report.historical && <span>late</span>}
        </span>
        <span class="row-numbers">
          {headline(report).map((measurement) => (
            <span key={measurement.name}>
              <small>{quantities[measurement.name]?.short ?? measurement.name}</small> <Brief measurement={measurement} />
            </span>
          ))}
          {decision !== null && <span class="row-decision" data-decided={decision.action}>{decision.action === "repeat" ? "rejected" : "kept"}</span>}
        </span>
      </a>
    </li>
  );
}

/** A number that is not to be trusted carries a question mark; one that is withheld is a dash. */
function Brief({ measurement }: { readonly measurement: Measurement }) {
  const sure = measurement.status === "ok";
  return (
    <span class={sure ? undefined : "unsure"} title={measurement.reason ?? undefined}>
      {brief(measurement)}
      {!sure && <span class="spoken">{measurement.status}</span>}
      {measurement.status === "unreliable" && <span aria-hidden="true"> ?</span>}
    </span>
  );
}

/** Arrow keys, Home and End walk through the films. */
function step(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>("a.row")];
  const at = links.findIndex((link) => link === document.activeElement);
  const targets: Readonly<Record<string, HTMLElement | undefined>> = {
    ArrowDown: links[at + 1],
    ArrowUp: links[at - 1],
    Home: links[0],
    End: links.at(-1),
  };
  const target = targets[event.key];
  if (target === undefined) return;
  event.preventDefault();
  target.focus();
}
