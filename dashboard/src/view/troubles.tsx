/** What went otherwise than hoped, told calmly: faults, reports of an unknown form, a silent appliance. */

import type { Fault } from "../contract.ts";
import { count, fileName, moment } from "../format.ts";
import { missed, type State } from "../store.ts";
import { plain } from "../words.ts";

interface Props {
  readonly state: State;
  readonly rooms: readonly string[];
  /** The page's own device, whose gaps are closed from its memory. */
  readonly own: string | null;
  readonly now: number;
}

export function Troubles({ state, rooms, own, now }: Props) {
  const { faults, strangers, unreadable, history } = state;
  const gaps = rooms.filter((room) => room !== own).flatMap((room) => (missed(state, room).length > 0 ? [{ room, n: missed(state, room).length }] : []));
  if (faults.length === 0 && strangers.length === 0 && unreadable === 0 && history !== "failed" && gaps.length === 0) return null;
  return (
    <aside class="troubles" aria-label="Messages">
      {strangers.map(({ schema, ids }) => (
        <p key={schema} class="trouble" data-stranger={schema}>
          {count(ids.length, "report")} came in a form this page does not know (<span class="payload">{schema}</span>). Everything else goes on;
          update the page to see {ids.length === 1 ? "it" : "them"}.
        </p>
      ))}
      {gaps.map(({ room, n }) => (
        <p key={room} class="trouble" data-gap={room}>
          {count(n, "report")} of <span class="payload">{room}</span> {n === 1 ? "was" : "were"} published while this page was cut off; that room’s own page has {n === 1 ? "it" : "them"}.
        </p>
      ))}
      {unreadable > 0 && (
        <p class="trouble" data-unreadable={unreadable}>
          {count(unreadable, "message")} could not be read and {unreadable === 1 ? "was" : "were"} left out.
        </p>
      )}
      {history === "failed" && (
        <p class="trouble" data-history="failed">
          Earlier films could not be fetched from the appliance. The page tries again; new films are shown as they come.
        </p>
      )}
      {faults.length > 0 && (
        <details class="trouble" data-faults={faults.length}>
          <summary>{count(faults.length, "file")} could not be measured</summary>
          <ul>
            {faults.map((fault, i) => (
              <FaultLine key={i} fault={fault} now={now} />
            ))}
          </ul>
        </details>
      )}
    </aside>
  );
}

function FaultLine({ fault, now }: { readonly fault: Fault; readonly now: number }) {
  return (
    <li data-fault={fault.code}>
      <b class="payload" title={fault.file}>{fileName(fault.file)}</b> <small class="payload">{plain(fault.code)}</small>
      {fault.at !== null && <small> · {moment(fault.at, now)}</small>}
      <span class="payload">{fault.reason}</span>
      {fault.remedy !== null && <span class="payload">{fault.remedy}</span>}
      {fault.put !== null && <small class="payload">Put into {fault.put}</small>}
    </li>
  );
}
