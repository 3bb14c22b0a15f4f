/** How many films of today and of this month are repeated, and why. */

import type { RejectPeriod, Rejects } from "../contract.ts";
import { plain } from "../words.ts";

export function RejectsCard({ rejects }: { readonly rejects: Rejects }) {
  const { today, month } = rejects;
  const rate = (period: RejectPeriod): string => (period.repeat_rate === null ? "–" : `${(100 * period.repeat_rate).toFixed(1)}\u202F%`);
  const rows: readonly (readonly [string, string, string])[] = [
    ["Films", String(today.films), String(month.films)],
    ["Repeat suggested", String(today.suggested), String(month.suggested)],
    ["Rejected", String(today.repeated), String(month.repeated)],
    ["Repeat rate", rate(today), rate(month)],
    // The month holds today: every reason of today is one of the month's.
    ...month.reasons.filter((count) => count.repeated > 0).map(({ reason, repeated }) => {
      const of_today = today.reasons.find((count) => count.reason === reason)?.repeated ?? 0;
      return [`Rejected: ${plain(reason).toLowerCase()}`, String(of_today), String(repeated)] as const;
    }),
  ];
  return (
    <section class="card rejects" aria-labelledby="rejects-title">
      <h3 id="rejects-title">Repeat analysis</h3>
      <table>
        <thead>
          <tr>
            <th scope="col"><span class="spoken">What</span></th>
            <th scope="col" class="num">Today</th>
            <th scope="col" class="num">This month</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, of_today, of_month]) => (
            <tr key={name}>
              <th scope="row" class="payload">{name}</th>
              <td class="num">{of_today}</td>
              <td class="num">{of_month}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
