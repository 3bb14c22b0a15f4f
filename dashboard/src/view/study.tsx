/** The films of one patient together: three positions side by side, what moves at each level, and the summary in words. */

import { useEffect } from "preact/hooks";

import type { Dynamic, Measurement, Motion, Report, Study, StudyFilm } from "../contract.ts";
import type { Threshold } from "../bars.ts";
import { moment, quantity, range } from "../format.ts";
import { hrefOf } from "../route.ts";
import { languages, plain, positions, stabilities, verdicts } from "../words.ts";
import { Bar } from "./bar.tsx";
import { VerdictSign } from "./icons.tsx";
import { headline } from "./list.tsx";
import { Viewer } from "./viewer.tsx";

const PLACES = ["flexion", "neutral", "extension"] as const;

interface Props {
  readonly study: Study;
  readonly reports: readonly Report[];
  readonly overlays: Readonly<Record<string, string>>;
  /** The page's own device, whose pictures it can fetch. */
  readonly own: string;
  readonly want: (report_id: string) => void;
  readonly now: number;
}

export function StudyView({ study, reports, overlays, own, want, now }: Props) {
  const device = study.device ?? own;
  const reportOf = (film: StudyFilm): Report | undefined => reports.find((report) => report.report_id === film.report_id && report.device === device);
  useEffect(() => {
    if (device === own) study.films.filter((film) => reportOf(film) === undefined).forEach((film) => want(film.report_id));
  });
  const current = (place: string): StudyFilm | undefined => [...study.films].reverse().find((film) => film.position === place && film.status === "current");
  // A film whose position nobody told stands where the neutral one would, under its own name.
  const unplaced = current("neutral") === undefined ? study.films.find((film) => film.status === "unplaced") : undefined;
  const placed = (place: string): StudyFilm | undefined => current(place) ?? (place === "neutral" ? unplaced : undefined);
  const others = study.films.filter((film) => !PLACES.some((place) => placed(place) === film));
  return (
    <article class="board study" data-study={study.study_key} aria-labelledby="study-head">
      <h2 id="study-head">
        One patient’s films together
        {study.patient !== null && <small class="payload">{study.patient}</small>}
      </h2>
      <div class="places">
        {PLACES.map((place) => {
          const film = placed(place);
          return film === undefined
            ? <Absent key={place} place={place} missing={study.missing.includes(place)} />
            : <Place key={place} film={film} report={reportOf(film)} device={device} live={overlays[`${device}/${film.report_id}`]} ours={device === own} now={now} />;
        })}
      </div>
      {study.dynamic === null ? <p class="card quiet" data-dynamic="none">What moves can be told once flexion and extension are there{study.missing.length > 0 ? `; still missing: ${study.missing.map((view) => (positions[view] ?? view).toLowerCase()).join(", ")}` : ""}.</p> : <MotionCard dynamic={study.dynamic} />}
      <Summary study={study} />
      {others.length > 0 && <Others films={others} device={device} now={now} />}
    </article>
  );
}

interface PlaceProps {
  readonly film: StudyFilm;
  readonly report: Report | undefined;
  readonly device: string;
  readonly live: string | undefined;
  readonly ours: boolean;
  readonly now: number;
}

function Place({ film, report, device, live, ours, now }: PlaceProps) {
  return (
    <section class={`card place verdict-${film.verdict}`} data-place={film.position} aria-label={positions[film.position] ?? film.position}>
      <header>
        <h3 class="payload">{positions[film.position] ?? plain(film.position)}</h3>
        <span class="place-verdict"><VerdictSign verdict={film.verdict} /> {verdicts[film.verdict].name}</span>
      </header>
      {report === undefined ? <p class="quiet">This film is not at hand on this page.</p> : <Viewer report={report} live={live} ours={ours} lit={null} still />}
      {report !== undefined && (
        <p class="place-numbers">
          {headline(report).map((m) => <span key={m.name}><small>{m.name === "sva" ? "SVA" : m.name === "c2_c6_cobb" ? "C2–C6" : "C2–C7"}</small> {m.value === null ? "–" : quantity(m.value, m.unit)}</span>)}
        </p>
      )}
      <p class="place-foot">
        {film.disagreement !== null && <span class="payload">{disagreements[film.disagreement] ?? plain(film.disagreement)}</span>}
        {film.decision !== null && <span>{film.decision.action === "repeat" ? "Rejected" : "Kept"}</span>}
        <small>{moment(film.received_at, now, "short")}</small>
        <a href={hrefOf(`${device}/${film.report_id}`)}>Open</a>
      </p>
    </section>
  );
}

const disagreements: Readonly<Record<string, string>> = {
  looks: "The neck looks like another position than its label.",
  swapped: "Flexion and extension may be swapped.",
  same_name: "Another film with this label differs much.",
};

function Absent({ place, missing }: { readonly place: string; readonly missing: boolean }) {
  return (
    <section class="card place absent" data-place={place} data-absent="true" aria-label={positions[place] ?? place}>
      <header><h3>{positions[place] ?? place}</h3></header>
      <p class="quiet">{missing ? "Still missing" : "Not taken"}</p>
    </section>
  );
}

/** Every language side by side: one who reads only one of them finds it without a switch. */
function Summary({ study }: { readonly study: Study }) {
  if (study.summaries.length === 0) return null;
  return (
    <section class="card summary" aria-labelledby="summary-title">
      <h3 id="summary-title">In words</h3>
      <div class="tongues">
        {study.summaries.map(([language, lines]) => (
          <div key={language} lang={language} data-language={language}>
            {study.summaries.length > 1 && <h4 class="payload">{languages[language] ?? language}</h4>}
            {lines.map((line, i) => <p key={i} class="payload">{line}</p>)}
          </div>
        ))}
      </div>
    </section>
  );
}

function MotionCard({ dynamic }: { readonly dynamic: Dynamic }) {
  const { thresholds, range_of_motion: whole } = dynamic;
  const above = (at: number | null): Threshold | null => (at === null ? null : { at, beyond: "above" });
  return (
    <section class="card motion" aria-labelledby="motion-title">
      <h3 id="motion-title">Motion by level, flexion against extension</h3>
      {whole !== null && (
        <p class="motion-whole" data-effort={dynamic.effort ?? "unknown"}>
          Range of motion {whole.level?.replace("-", "–")}: <b>{whole.value === null ? "withheld" : quantity(whole.value, whole.unit)}</b>
          {whole.ci90 !== null && <small>{range(whole.ci90, whole.unit)}</small>}
          {whole.reason !== null && <small class="payload">{whole.reason}</small>}
          {dynamic.effort === "insufficient" && thresholds.effort_deg !== null && <span class="answer borderline">Less than {quantity(thresholds.effort_deg, "deg")}: too little to call anything stable</span>}
        </p>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="motion-title">
        <table class="motion-table">
          <thead>
            <tr>
              <th scope="col">Level</th>
              <th scope="col">Slip changes by{thresholds.slip_mm !== null && <small> threshold {quantity(thresholds.slip_mm, "mm")}</small>}</th>
              <th scope="col">Angle changes by{thresholds.angle_deg !== null && <small> threshold {quantity(thresholds.angle_deg, "deg")}</small>}</th>
              <th scope="col">So it is</th>
            </tr>
          </thead>
          <tbody>
            {dynamic.levels.map((motion) => (
              <tr key={motion.level} data-motion={motion.level} data-stability={motion.stability}>
                <th scope="row" class="payload">{motion.level.replace("-", "–")}</th>
                <td><Change measurement={motion.slip_change} threshold={above(thresholds.slip_mm)} /></td>
                <td><Change measurement={motion.angle_change} threshold={above(thresholds.angle_deg)} /></td>
                <td><Stability motion={motion} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Change({ measurement: m, threshold }: { readonly measurement: Measurement | null; readonly threshold: Threshold | null }) {
  if (m === null) return <span class="quiet">not told</span>;
  if (m.status === "withheld") return <span class="quiet payload">withheld: {m.reason}</span>;
  return (
    <span class={`change ${m.status}`}>
      <b>{quantity(m.value, m.unit)}</b>
      <small>{m.ci90 === null ? "" : range(m.ci90, m.unit)}</small>
      <Bar measurement={m} threshold={threshold} small />
      {m.reason !== null && <small class="payload">{m.reason}</small>}
    </span>
  );
}

function Stability({ motion }: { readonly motion: Motion }) {
  const borderline = motion.certainty === "borderline";
  return (
    <span class={`answer payload${motion.stability === "unstable" ? " present" : ""}${borderline ? " borderline" : ""}`}>
      {stabilities[motion.stability] ?? plain(motion.stability)}{borderline && ", borderline"}
    </span>
  );
}

function Others({ films, device, now }: { readonly films: readonly StudyFilm[]; readonly device: string; readonly now: number }) {
  return (
    <section class="card" aria-labelledby="others-title">
      <h3 id="others-title">Films that do not count here</h3>
      <ul class="others">
        {films.map((film) => (
          <li key={film.report_id}>
            <a class="payload" href={hrefOf(`${device}/${film.report_id}`)}>{positions[film.position] ?? plain(film.position)}</a>{" "}
            <small class="payload">{film.status === "replaced" ? "a later film has taken its place" : film.status === "unplaced" ? "its position is not known" : plain(film.status)}, {moment(film.received_at, now, "short")}</small>
          </li>
        ))}
      </ul>
    </section>
  );
}
