/**
 * The numbers: those of the whole neck as lines, those of levels as a table with a column for each quantity.
 * Reasons repeat from level to level; they stand once below, and the numbers point at them.
 */

import type { Measurement } from "../contract.ts";
import { decimal, quantity, range, unitName } from "../format.ts";
import { plain, quantities } from "../words.ts";

const nameOf = (name: string): string => quantities[name]?.name ?? plain(name);
const shortOf = (name: string): string => quantities[name]?.short ?? plain(name);

interface Props {
  /** All of the report's. */
  readonly measurements: readonly Measurement[];
}

/** What is measured at levels. */
export function Levels({ measurements }: Props) {
  const segments = measurements.filter((m) => m.level?.includes("-"));
  const vertebrae = measurements.filter((m) => m.level !== null && !m.level.includes("-"));
  const notes = [...new Set([...segments, ...vertebrae].flatMap((m) => m.reason ?? []))];
  return (
    <>
      <ByLevel id="segments" title="By segment" measurements={segments} notes={notes} />
      <ByLevel id="vertebrae" title="By vertebra" measurements={vertebrae} notes={notes} />
      {notes.length > 0 && (
        <ol class="notes" aria-label="Why numbers are withheld or unreliable">
          {notes.map((note) => (
            <li key={note} class="payload">
              {note}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

/** What is measured once a neck. */
export function WholeNeck({ measurements }: Props) {
  const whole = measurements.filter((m) => m.level === null);
  if (whole.length === 0) return null;
  return (
    <section aria-labelledby="whole-title" class="card">
      <h3 id="whole-title">Whole neck</h3>
      <table class="whole">
        <thead>
          <tr>
            <th scope="col">Measurement</th>
            <th scope="col" class="num">Value</th>
            <th scope="col" class="num">90 % interval</th>
          </tr>
        </thead>
        <tbody>
          {whole.map((m) => (
            <WholeRow key={m.name} measurement={m} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function WholeRow({ measurement: m }: { readonly measurement: Measurement }) {
  return (
    <tr data-measurement={m.name} data-status={m.status}>
      <th scope="row">
        <span class="payload">{nameOf(m.name)}</span>
        {m.status !== "ok" && (
          <small class="why payload">
            <b>{m.status === "withheld" ? "Withheld:" : "Unreliable:"}</b> {m.reason}
          </small>
        )}
      </th>
      <td class={`num value ${m.status}`}>{m.status === "withheld" ? "withheld" : quantity(m.value, m.unit)}</td>
      <td class="num interval">{m.ci90 === null ? "–" : range(m.ci90, m.unit)}</td>
    </tr>
  );
}

interface ByLevelProps {
  readonly id: string;
  readonly title: string;
  readonly measurements: readonly Measurement[];
  readonly notes: readonly string[];
}

function ByLevel({ id, title, measurements, notes }: ByLevelProps) {
  if (measurements.length === 0) return null;
  const names = [...new Set(measurements.map((m) => m.name))];
  const levels = [...new Set(measurements.map((m) => m.level ?? ""))];
  return (
    <section aria-labelledby={`${id}-title`} class="card">
      <h3 id={`${id}-title`}>{title}</h3>
      {/* The table may be wider than a phone; then it scrolls by itself and can be reached by keyboard. */}
      <div class="scroll" tabIndex={0} role="region" aria-labelledby={`${id}-title`}>
        <table class="levels">
          <thead>
            <tr>
              <th scope="col">Level</th>
              {names.map((name) => (
                <th scope="col" class="num" key={name} title={nameOf(name)}>
                  <span class="payload">{shortOf(name)}</span>{" "}
                  <small>{unitName(measurements.find((m) => m.name === name)?.unit ?? "")}</small>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {levels.map((level) => (
              <tr key={level}>
                <th scope="row" class="payload">{level.replace("-", "–")}</th>
                {names.map((name) => (
                  <Cell key={name} measurement={measurements.find((m) => m.name === name && m.level === level)} notes={notes} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Cell({ measurement: m, notes }: { readonly measurement: Measurement | undefined; readonly notes: readonly string[] }) {
  if (m === undefined) return <td class="num" />;
  const note = m.reason === null ? null : notes.indexOf(m.reason) + 1;
  return (
    <td class={`num value ${m.status}`} data-measurement={m.name} data-status={m.status}>
      <span title={m.reason ?? ""}>
        {m.status === "withheld" ? <span aria-label="withheld">–</span> : decimal(m.value, m.unit)}
        {note !== null && <sup aria-label={`${m.status}, note ${note}`}>{note}</sup>}
      </span>
      <small>{m.ci90 === null ? "" : range(m.ci90, m.unit)}</small>
    </td>
  );
}
