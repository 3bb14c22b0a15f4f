/** One film: the verdict for the other end of the room, then why, then the drawing, then the numbers. */

import { useState } from "preact/hooks";

import type { Finding, Report, Study } from "../contract.ts";
import { ago, brief, duration, moment, quantity } from "../format.ts";
import { hrefOfStudy, LIVE } from "../route.ts";
import type { Device } from "../store.ts";
import { cid7011, findings, plain, positions, quantities, verdicts } from "../words.ts";
import { Console, type Decide, type Stands } from "./console.tsx";
import { VerdictSign } from "./icons.tsx";
import { same, type Lit } from "./layers.tsx";
import { headline } from "./list.tsx";
import { Definitions, Levels, WholeNeck, type Linking } from "./measurements.tsx";
import { RejectsLine } from "./statistics.tsx";
import { Viewer } from "./viewer.tsx";

interface Props {
  readonly report: Report;
  /** Whether the page shows several rooms, so that it must be said in which one the film was taken. */
  readonly several: boolean;
  readonly overlay: string | undefined;
  /** Whether this page's appliance measured the film and so has its pictures. */
  readonly ours: boolean;
  readonly study: Study | undefined;
  /** The appliance that measured the film. */
  readonly device: Device;
  /** What a radiographer has decided. */
  readonly stands: Stands;
  /** Sends a word; `null` while there is no broker to send it to. */
  readonly decide: Decide | null;
  /** Whether the view follows the newest film. */
  readonly following: boolean;
  /** Why a newer film may exist that the page has not heard of; `null` while all is live. */
  readonly doubt: string | null;
  readonly now: number;
}

export function Detail({ report, several, overlay, ours, study, device, stands, decide, following, doubt, now }: Props) {
  const linking = useLinking();
  return (
    <article class={`detail verdict-${report.quality.verdict}`} data-detail={report.report_id} aria-labelledby="verdict-title">
      <div class="pair">
        <div class="film-side">
          <Viewer report={report} live={overlay} ours={ours} lit={linking.lit} />
        </div>
        <div class="beside">
          <Hero report={report} several={several} following={following} doubt={doubt} now={now} />
          <Console report={report} stands={stands} decide={decide} now={now} />
          <Reasons report={report} />
          <WholeNeck measurements={report.measurements} findings={report.findings} linking={linking} />
          <Findings findings={report.findings} />
          {study !== undefined && <StudyCard study={study} />}
          {device.rejects !== null && <RejectsLine rejects={device.rejects} />}
        </div>
      </div>
      <Levels measurements={report.measurements} findings={report.findings} linking={linking} />
      <Definitions measurements={report.measurements} />
      <Facts report={report} />
    </article>
  );
}

function useLinking(): Linking {
  const [pointed, point] = useState<Lit | null>(null);
  const [chosen, setChosen] = useState<Lit | null>(null);
  const choose = (at: Lit): void => setChosen(same(chosen, at) ? null : at);
  return { lit: pointed ?? chosen, chosen, point, choose };
}

function Hero({ report, several, following, doubt, now }: Pick<Props, "report" | "several" | "following" | "doubt" | "now">) {
  const { verdict, verdict_word } = report.quality;
  const words = verdicts[verdict];
  return (
    <div class="hero" data-doubt={doubt === null ? undefined : "true"}>
      {doubt !== null && following && <p class="hero-doubt">{doubt}</p>}
      {!following && (
        <a class="back" href={LIVE}>
          <span aria-hidden="true">←</span> Newest film
        </a>
      )}
      <div class="hero-main">
        <div>
          <div class="hero-verdict">
            <VerdictSign verdict={verdict} />
            <h2 id="verdict-title" class="payload">
              {verdict === "unknown" && verdict_word !== "" ? plain(verdict_word) : words.name}
            </h2>
          </div>
          <p class="hero-todo">{words.todo}</p>
        </div>
        <dl class="hero-numbers">
          {headline(report).map((m) => (
            <div key={m.name}>
              <dt>{quantities[m.name]?.short ?? plain(m.name)}</dt>
              <dd>
                {m.status === "withheld" ? <span class="hero-withheld">withheld</span> : brief(m)}
                {m.status === "unreliable" && <small>unreliable</small>}
              </dd>
            </div>
          ))}
        </dl>
      </div>
      <p class="hero-film">
        <span class="hero-file payload" title={report.source.file}>{report.source.file || "unnamed file"}</span>
        <span>{[moment(report.received_at, now), ago(report.received_at, now)].filter(Boolean).join(" · ")}</span>
        <span class="payload">{positions[report.view.position] ?? report.view.position}</span>
        {several && <span class="payload">{report.device}</span>}
        {report.historical && <span>delivered late</span>}
      </p>
    </div>
  );
}

function Reasons({ report }: { readonly report: Report }) {
  const { reasons, c7_visibility, exposure } = report.quality;
  const c7 = c7_visibility === null ? "not told" : { full: "whole", partial: "partly hidden", hidden: "hidden" }[c7_visibility] ?? c7_visibility;
  return (
    <section class="card" aria-labelledby="reasons-title">
      <h3 id="reasons-title">{reasons.length === 0 ? "The film" : "Why, and what to do"}</h3>
      {reasons.length === 0 ? (
        <p class="quiet">{report.quality.verdict === "accept" ? "Nothing speaks against this film." : "No reason was given."}</p>
      ) : (
        <ul class="reasons">
          {reasons.map((reason, i) => (
            <li key={i}>
              <p class="payload">{reason.text}</p>
              <small class="payload">
                {plain(reason.code)}
                {reason.dicom_code !== null && ` · DICOM ${reason.dicom_code}${cid7011[reason.dicom_code] ? `, ${cid7011[reason.dicom_code]}` : ""}`}
              </small>
            </li>
          ))}
        </ul>
      )}
      <dl class="pairs">
        <dt>C7</dt>
        <dd class="payload">{c7}</dd>
        <dt>Exposure</dt>
        <dd class="payload">{exposure === null || exposure === "unknown" ? "not told" : { good: "good", under: "too little dose", over: "too much dose" }[exposure] ?? exposure}</dd>
      </dl>
    </section>
  );
}

function StudyCard({ study }: { readonly study: Study }) {
  return (
    <section class="card" aria-labelledby="study-title">
      <h3 id="study-title">This patient’s films together</h3>
      {study.summary.map((line, i) => (
        <p key={i} class="payload">
          {line}
        </p>
      ))}
      {study.missing.length > 0 && (
        <p class="payload">
          <b>Still missing:</b> {study.missing.map((view) => positions[view]?.toLowerCase() ?? view).join(", ")}
        </p>
      )}
      <a class="open-study" href={hrefOfStudy(study.study_key)}>Side by side</a>
    </section>
  );
}

function Findings({ findings: all }: { readonly findings: readonly Finding[] }) {
  if (all.length === 0) return null;
  // What is there comes first, then what lies too near to the threshold to be sure of.
  const rank = (f: Finding): number => (f.present ? 0 : f.certainty === "borderline" ? 1 : 2);
  return (
    <section class="card" aria-labelledby="findings-title">
      <h3 id="findings-title">Findings</h3>
      <ul class="findings">
        {grouped([...all].sort((a, b) => rank(a) - rank(b))).map(({ finding, levels }, i) => (
          <FindingLine key={i} finding={finding} levels={levels} />
        ))}
      </ul>
    </section>
  );
}

/** What says the same of several levels is said once. */
function grouped(all: readonly Finding[]): { readonly finding: Finding; readonly levels: readonly string[] }[] {
  const groups: { finding: Finding; levels: string[] }[] = [];
  for (const finding of all) {
    const same = groups.find(({ finding: f }) => f.name === finding.name && f.present === finding.present && f.certainty === finding.certainty
      && f.threshold === finding.threshold && f.detail === finding.detail);
    const level = finding.level === null ? [] : [finding.level.replace("-", "–")];
    if (same === undefined) groups.push({ finding, levels: level });
    else same.levels.push(...level);
  }
  return groups;
}

function FindingLine({ finding, levels }: { readonly finding: Finding; readonly levels: readonly string[] }) {
  const words = findings[finding.name];
  const threshold = finding.threshold === null ? null : quantity(finding.threshold, words?.unit ?? "");
  const told = threshold === null ? null : (words?.threshold(threshold) ?? `threshold ${threshold}`);
  const borderline = finding.certainty === "borderline";
  const answer = `${finding.present ? "Present" : "Not present"}${borderline ? ", borderline" : ""}`;
  return (
    <li data-finding={finding.name} data-present={finding.present} data-certainty={finding.certainty}>
      <span class={`answer${finding.present ? " present" : ""}${borderline ? " borderline" : ""}`}>{answer}</span>
      <span>
        <b class="payload">{words?.name ?? plain(finding.name)}</b>
        {levels.length > 0 && <span class="payload"> {levels.join(", ")}</span>}
        {told !== null && <small class="payload">{told}</small>}
        {borderline && <small>The interval crosses the threshold.</small>}
        {finding.certainty !== "clear" && !borderline && <small class="payload">certainty: {plain(finding.certainty)}</small>}
        {finding.detail !== null && <small class="payload">{finding.detail}</small>}
      </span>
    </li>
  );
}

function Facts({ report }: { readonly report: Report }) {
  const { engine, timing_ms: timing, image } = report;
  const steps = (["settle", "decode", "detect", "measure"] as const).flatMap((step) => {
    const ms = timing[step];
    return ms === undefined ? [] : [`${step} ${duration(ms)}`];
  });
  const spacing = image.spacing_mm === null
    ? "unknown: lengths are withheld"
    : `${image.spacing_mm.toFixed(4)} mm a pixel${image.spacing_source === null ? "" : `, ${plain(image.spacing_source).toLowerCase()}`}`;
  const rows: readonly (readonly [string, string | null])[] = [
    ["Taken", report.acquired_at?.replace("T", " ") ?? null],
    ["Patient", report.source.patient],
    ["Size", image.width === null || image.height === null ? null : `${image.width} × ${image.height} pixels`],
    ["Scale", spacing],
    ["Facing", report.view.facing],
    ["Engine", [engine.provider, engine.precision].filter(Boolean).join(", ") || null],
    ["Models", engine.models.join(", ") || null],
    ["Took", timing.total === undefined ? null : `${duration(timing.total)}${steps.length > 0 ? ` (${steps.join(", ")})` : ""}`],
    ["Report", report.report_id],
  ];
  return (
    <section class="card facts" aria-labelledby="facts-title">
      <h3 id="facts-title">How this was made</h3>
      <dl class="pairs">
        {rows.map(([name, value]) =>
          value === null ? null : (
            <>
              <dt>{name}</dt>
              <dd class="payload">{value}</dd>
            </>
          ),
        )}
      </dl>
      {report.notice !== null && <p class="notice payload">{report.notice}</p>}
    </section>
  );
}
