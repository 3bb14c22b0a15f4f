/**
 * The numbers: those of the whole neck as lines, those of levels as a table with a column for each quantity.
 * Reasons repeat from level to level; they stand once below, and the numbers point at them. A number that is pointed at, or
 * chosen, has its drawing stand out on the film.
 */

import type { ComponentChildren } from "preact";

import type { Finding, Measurement } from "../contract.ts";
import { thresholdOf } from "../bars.ts";
import { decimal, quantity, range, unitName } from "../format.ts";
import { plain, quantities } from "../words.ts";
import { Bar } from "./bar.tsx";
import { same, type Lit } from "./layers.tsx";

const nameOf = (name: string): string => quantities[name]?.name ?? plain(name);
const shortOf = (name: string): string => quantities[name]?.short ?? plain(name);

/** Which number's drawing stands out: the one that is pointed at, else the one that was chosen. */
export interface Linking {
  readonly lit: Lit | null;
  readonly chosen: Lit | null;
  readonly point: (at: Lit | null) => void;
  readonly choose: (at: Lit) => void;
}

interface Props {
  /** All of the report's. */
  readonly measurements: readonly Measurement[];
  readonly findings: readonly Finding[];
  readonly linking: Linking;
}

/** The number as a button that shows its drawing; a number that is withheld has none. */
function Shown({ measurement: m, linking, children }: { readonly measurement: Measurement; readonly linking: Linking; readonly children: ComponentChildren }) {
  if (m.status === "withheld") return <>{children}</>;
  const lit: Lit = { name: m.name, level: m.level };
  return (
    <button
      type="button"
      class={`shown${same(linking.lit, lit) ? " is-lit" : ""}`}
      aria-pressed={same(linking.chosen, lit)}
      title="Show it on the film"
      onClick={() => linking.choose(lit)}
      onMouseEnter={() => linking.point(lit)}
      onMouseLeave={() => linking.point(null)}
      onFocus={() => linking.point(lit)}
      onBlur={() => linking.point(null)}
    >
      <span class="spoken">{nameOf(m.name)} {m.level}: </span>
      {children}
    </button>
  );
}

/** What is measured at levels. */
export function Levels({ measurements, findings, linking }: Props) {
  const segments = measurements.filter((m) => m.level?.includes("-"));
  const vertebrae = measurements.filter((m) => m.level !== null && !m.level.includes("-"));
  const notes = [...new Set([...segments, ...vertebrae].flatMap((m) => m.reason ?? []))];
  return (
    <>
      <ByLevel id="segments" title="By segment" measurements={segments} notes={notes} findings={findings} linking={linking} />
      <ByLevel id="vertebrae" title="By vertebra" measurements={vertebrae} notes={notes} findings={findings} linking={linking} />
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

/** What each number means and who defined it so; folded away until it is asked for. */
export function Definitions({ measurements }: { readonly measurements: readonly Measurement[] }) {
  const told = new Map(measurements.flatMap((m) => (m.convention === null ? [] : [[m.name, m]])));
  if (told.size === 0) return null;
  return (
    <details class="definitions">
      <summary>How these numbers are defined</summary>
      <dl>
        {[...told.values()].map((m) => (
          <div key={m.name} data-definition={m.name}>
            <dt class="payload">{nameOf(m.name)}</dt>
            <dd class="payload">{m.convention}{m.source !== null && <small> ({m.source})</small>}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

/** What is measured once a neck. */
export function WholeNeck({ measurements, findings, linking }: Props) {
  const whole = measurements.filter((m) => m.level === null);
  if (whole.length === 0) return null;
  return (
    <section aria-labelledby="whole-title" class="card">
      <h3 id="whole-title">Whole neck</h3>
      <table class="whole">
        <thead>
          <tr>
            <th scope="col">Measurement</th>
            <th scope="col" class="num">Value, 90 % interval</th>
          </tr>
        </thead>
        <tbody>
          {whole.map((m) => (
            <WholeRow key={m.name} measurement={m} findings={findings} linking={linking} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface WholeRowProps extends Omit<Props, "measurements"> {
  readonly measurement: Measurement;
}

function WholeRow({ measurement: m, findings, linking }: WholeRowProps) {
  return (
    <tr data-measurement={m.name} data-status={m.status}>
      <th scope="row">
        <span class="payload">{nameOf(m.name)}</span>
        <Bar measurement={m} threshold={thresholdOf(m.name, findings)} />
        {m.status !== "ok" && (
          <small class="why payload">
            <b>{m.status === "withheld" ? "Withheld:" : "Unreliable:"}</b> {m.reason}
          </small>
        )}
      </th>
      <td class={`num value ${m.status}`}>
        <Shown measurement={m} linking={linking}>{m.status === "withheld" ? "withheld" : quantity(m.value, m.unit)}</Shown>
        <small class="interval">{m.ci90 === null ? "" : range(m.ci90, m.unit)}</small>
      </td>
    </tr>
  );
}

interface ByLevelProps extends Props {
  readonly id: string;
  readonly title: string;
  readonly notes: readonly string[];
}

function ByLevel({ id, title, measurements, notes, findings, linking }: ByLevelProps) {
  if (measurements.length === 0) return null;
  const names = [...new Set(measurements.map((m) => m.name))];
  const levels = [...new Set(measurements.map((m) => m.level ?? ""))];
  return (
    <section aria-labelledby={`${id}-title`} class="card levels-card">
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
                  <Cell key={name} measurement={measurements.find((m) => m.name === name && m.level === level)} notes={notes} findings={findings} linking={linking} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface CellProps extends Omit<Props, "measurements"> {
  readonly measurement: Measurement | undefined;
  readonly notes: readonly string[];
}

function Cell({ measurement: m, notes, findings, linking }: CellProps) {
  if (m === undefined) return <td class="num" />;
  const note = m.reason === null ? null : notes.indexOf(m.reason) + 1;
  return (
    <td class={`num value ${m.status}`} data-measurement={m.name} data-status={m.status}>
      <Shown measurement={m} linking={linking}>
        <span title={m.reason ?? ""}>
          {m.status === "withheld" ? <span aria-label="withheld">–</span> : decimal(m.value, m.unit)}
          {note !== null && <sup aria-label={`${m.status}, note ${note}`}>{note}</sup>}
        </span>
        <small>{m.ci90 === null ? "" : range(m.ci90, m.unit)}</small>
        <Bar measurement={m} threshold={thresholdOf(m.name, findings)} small />
      </Shown>
    </td>
  );
}
