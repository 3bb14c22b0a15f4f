/** Repeat analysis, a card a room: how many films of today and of this month are repeated, and why. */

import type { RejectPeriod, Rejects } from "../contract.ts";
import { count } from "../format.ts";
import { deviceOf, type State } from "../store.ts";
import { plain } from "../words.ts";

export function Statistics({ state, rooms }: { readonly state: State; readonly rooms: readonly string[] }) {
  const known = rooms.flatMap((room) => {
    const { rejects } = deviceOf(state, room);
    return rejects === null ? [] : [{ room, rejects }];
  });
  return (
    <div class="board" data-view="statistics">
      <h2>Repeat analysis</h2>
      {known.length === 0 && <p class="quiet">No room has told its figures yet.</p>}
      {known.map(({ room, rejects }) => (
        <section key={room} class="rejects" aria-label={`Room ${room}`} data-rejects={room}>
          {rooms.length > 1 && <h3 class="payload">{room}</h3>}
          <div class="periods">
            <Period title="Today" period={rejects.today} />
            <Period title="This month" period={rejects.month} />
          </div>
        </section>
      ))}
    </div>
  );
}

/** One room's figures in few words, beside a film. */
export function RejectsLine({ rejects }: { readonly rejects: Rejects }) {
  return (
    <p class="quiet rejects-line">
      Repeat rate today <b>{share(rejects.today.repeat_rate)}</b>, this month <b>{share(rejects.month.repeat_rate)}</b>
    </p>
  );
}

const share = (rate: number | null): string => (rate === null ? "–" : `${(100 * rate).toFixed(1)}\u202F%`);

function Period({ title, period }: { readonly title: string; readonly period: RejectPeriod }) {
  const reasons = period.reasons.filter((reason) => reason.repeated > 0 || reason.suggested > 0);
  const most = Math.max(1, ...reasons.map((reason) => Math.max(reason.repeated, reason.suggested)));
  const facts: readonly (readonly [string, number])[] = [
    ["Kept", period.accepted], ["Undecided", period.undecided], ["Not a neck", period.passed_over], ["Not measurable", period.faults],
  ];
  return (
    <section class="card period" aria-label={title}>
      <h4>{title}</h4>
      <p class="rate">
        <b>{share(period.repeat_rate)}</b>
        <span>
          {period.repeated} of {count(period.films, "film")} repeated
          <small>{period.suggested} suggested{period.agreement.observed !== null && `; verdict and radiographer agree on ${share(period.agreement.observed)} of ${count(period.agreement.films, "film")}`}</small>
        </span>
      </p>
      {reasons.length > 0 && (
        <table class="reason-table">
          <thead>
            <tr>
              <th scope="col">Reason</th>
              <th scope="col"><span class="spoken">Drawn</span></th>
              <th scope="col" class="num">Repeated</th>
              <th scope="col" class="num">Suggested</th>
            </tr>
          </thead>
          <tbody>
            {reasons.map(({ reason, repeated, suggested }) => (
              <tr key={reason}>
                <th scope="row" class="payload">{plain(reason)}</th>
                <td class="reason-bars" aria-hidden="true">
                  <span class="reason-repeated" style={{ width: `${(100 * repeated) / most}%` }} />
                  <span class="reason-suggested" style={{ width: `${(100 * suggested) / most}%` }} />
                </td>
                <td class="num">{repeated}</td>
                <td class="num">{suggested}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <dl class="tiles">
        {facts.map(([name, n]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{n}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
