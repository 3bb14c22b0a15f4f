/**
 * The radiographer's console: keep the film with one touch, reject it with two (repeat, reason), undo with one.
 *
 * What is shown as decided is what the appliance has answered, never what was pressed: until then it says “sending”.
 */

import { useEffect, useRef, useState } from "preact/hooks";

import { REASONS, type Action, type Decision, type Report } from "../contract.ts";
import { moment } from "../format.ts";
import { advice, cid7011, plain } from "../words.ts";

/** What stands about the film; `error` where the last request was refused. */
export interface Stands {
  readonly decision: Decision | null;
  readonly error: string | null;
}

/** Sends a word; the problem, or `null`. */
export type Decide = (action: Action, reason: string | null, by: string) => Promise<string | null>;

/** Where the browser remembers the signature, so that it is typed once a shift. */
const SIGNATURE = "sagitta.signature";
const MAX_SIGNATURE = 64;
/** After this without an answer the page says so. */
const ANSWER_WITHIN_MS = 8000;

interface Word {
  readonly action: Action;
  readonly reason: string | null;
}

interface Props {
  readonly report: Report;
  readonly stands: Stands;
  /** `null` while there is no broker to send it to. */
  readonly decide: Decide | null;
  readonly now: number;
}

export function Console({ report, stands, decide, now }: Props) {
  const { decision } = stands;
  const [asking, setAsking] = useState(false);
  const [by, setBy] = useState(remembered);
  const [signing, setSigning] = useState<Word | "change" | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const { sending, sent, answered } = useSending(stands, setProblem);
  if (decision === null && decide === null) return null;

  const give = async (word: Word, signature: string): Promise<void> => {
    setAsking(false);
    if (decide === null) return;
    sent();
    const trouble = await decide(word.action, word.reason, signature);
    setProblem(trouble);
    if (trouble !== null) answered();
  };
  const say = (word: Word): void => {
    if (by === "") setSigning(word);
    else void give(word, by);
  };
  const sign = (signature: string): void => {
    setBy(signature);
    remember(signature);
    setSigning(null);
    if (signing !== null && signing !== "change") void give(signing, signature);
  };
  const told = problem ?? stands.error;
  const rejected = decision?.action === "repeat";
  return (
    <section class="card console" aria-labelledby="console-title" data-decision={decision?.action ?? "none"} data-sending={sending ? "true" : undefined}>
      <h3 id="console-title">{decision === null ? "Does this film stay?" : "The radiographer’s word"}</h3>
      {decision !== null && <Told decision={decision} now={now} />}
      {rejected && <NextTime report={report} reason={decision.reason} />}
      {decide !== null && signing === null && (
        <div class="console-buttons">
          {decision === null ? (
            <>
              <button type="button" class="big keep" disabled={sending} onClick={() => say({ action: "accept", reason: null })}>Keep it</button>
              <button type="button" class="big reject" disabled={sending} aria-expanded={asking} aria-controls="why" onClick={() => setAsking(!asking)}>Repeat…</button>
            </>
          ) : (
            <button type="button" class="undo" disabled={sending} onClick={() => say({ action: "withdraw", reason: null })}>Undo</button>
          )}
        </div>
      )}
      {asking && decision === null && signing === null && <Why report={report} choose={(reason) => say({ action: "repeat", reason })} />}
      {signing !== null && <Sign first={by} done={sign} cancel={() => setSigning(null)} />}
      {sending && <p class="quiet" role="status">Sending…</p>}
      {told !== null && <p class="console-problem payload" role="alert">{told}</p>}
      {decide !== null && signing === null && by !== "" && (
        <p class="console-signed">
          Signed <b class="payload">{by}</b> <button type="button" class="plain-button" onClick={() => setSigning("change")}>Change</button>
        </p>
      )}
    </section>
  );
}

/** Between a word and its answer. */
function useSending(stands: Stands, setProblem: (problem: string | null) => void) {
  const [sending, setSending] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const answered = (): void => {
    clearTimeout(timer.current);
    setSending(false);
  };
  // Every answer makes a new object of what stands, also one that says the same as before.
  const { decision, error } = stands;
  useEffect(() => {
    answered();
    return () => clearTimeout(timer.current);
  }, [decision, error]);
  const sent = (): void => {
    setProblem(null);
    setSending(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      setSending(false);
      setProblem("The appliance has not answered yet. The word is kept by the broker; you may send it again.");
    }, ANSWER_WITHIN_MS);
  };
  return { sending, sent, answered };
}

function Told({ decision, now }: { readonly decision: Decision; readonly now: number }) {
  return (
    <p class="told">
      <b>{decision.action === "repeat" ? "Rejected, to be taken again" : "Kept"}</b>
      {decision.reason !== null && <span class="payload">: {plain(decision.reason).toLowerCase()}</span>}
      <small class="payload">
        {decision.by}, {moment(decision.at, now)}
      </small>
    </p>
  );
}

/** What to do differently: the report's own words where it gave this reason, else what the reason itself asks for. */
function NextTime({ report, reason }: { readonly report: Report; readonly reason: string | null }) {
  const own = report.quality.reasons.filter((told) => reason !== null && reasonOf(told.dicom_code) === reason).map((told) => told.text);
  const lines = own.length > 0 ? own : reason !== null && advice[reason] !== undefined ? [advice[reason]] : [];
  if (lines.length === 0) return null;
  return (
    <div class="next-time">
      <b>Next time</b>
      {lines.map((line, i) => <p key={i} class="payload">{line}</p>)}
    </div>
  );
}

/** The reasons as buttons: those that the report names stand first. */
function Why({ report, choose }: { readonly report: Report; readonly choose: (reason: string) => void }) {
  const suggested = new Set(report.quality.reasons.flatMap((told) => reasonOf(told.dicom_code) ?? []));
  const order = [...REASONS].sort((a, b) => Number(suggested.has(b)) - Number(suggested.has(a)));
  return (
    <div id="why" class="why-grid" role="group" aria-label="Why it is taken again">
      {order.map((reason) => (
        <button key={reason} type="button" class={suggested.has(reason) ? "suggested" : undefined} data-reason={reason} onClick={() => choose(reason)}>
          {plain(reason)}
          {suggested.has(reason) && <small>suggested</small>}
        </button>
      ))}
    </div>
  );
}

/** The contract's word for a code of CID 7011. */
function reasonOf(dicom_code: string | null): (typeof REASONS)[number] | null {
  const name = dicom_code === null ? undefined : cid7011[dicom_code];
  const word = name?.replaceAll("-", "").replaceAll(" ", "_");
  return REASONS.find((reason) => reason === word) ?? null;
}

function Sign({ first, done, cancel }: { readonly first: string; readonly done: (by: string) => void; readonly cancel: () => void }) {
  const [by, setBy] = useState(first);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <form class="sign" onSubmit={(event) => { event.preventDefault(); if (by.trim() !== "") done(by.trim()); }}>
      <label for="signature">Who decides? Initials or a staff number; this browser remembers it.</label>
      <input id="signature" ref={input} name="by" required maxLength={MAX_SIGNATURE} value={by} autocomplete="off" onInput={(event) => setBy(event.currentTarget.value)} />
      <button type="submit" disabled={by.trim() === ""}>Sign</button>
      <button type="button" onClick={cancel}>Cancel</button>
    </form>
  );
}

/** A browser that keeps nothing asks again; nothing else follows from it. */
function remembered(): string {
  try {
    return localStorage.getItem(SIGNATURE) ?? "";
  } catch {
    return "";
  }
}

function remember(by: string): void {
  try {
    localStorage.setItem(SIGNATURE, by);
  } catch {
    // Then it is typed again after the page is loaded anew.
  }
}
