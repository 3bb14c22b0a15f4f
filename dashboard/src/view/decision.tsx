/** What a radiographer has decided about the film, and the few buttons to say so. */

import { useState } from "preact/hooks";

import { REASONS, type Action, type Decision } from "../contract.ts";
import { moment } from "../format.ts";
import { plain } from "../words.ts";

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

interface Props {
  readonly stands: Stands;
  /** `null` while there is no broker to send it to. */
  readonly decide: Decide | null;
  readonly now: number;
}

export function DecisionCard({ stands, decide, now }: Props) {
  const { decision } = stands;
  if (decision === null && decide === null) return null;
  return (
    <section class="card decision" aria-labelledby="decision-title" data-decision={decision?.action ?? "none"}>
      <h3 id="decision-title">The radiographer’s word</h3>
      {decision === null ? <p class="quiet">Nobody has decided about this film.</p> : <Told decision={decision} now={now} />}
      {decide !== null && <Form stands={stands} decide={decide} />}
    </section>
  );
}

function Told({ decision, now }: { readonly decision: Decision; readonly now: number }) {
  return (
    <p>
      <b>{decision.action === "repeat" ? "Rejected, to be taken again" : "Kept"}</b>
      {decision.reason !== null && <span class="payload">: {plain(decision.reason).toLowerCase()}</span>}
      <small class="payload">
        {decision.by}, {moment(decision.at, now)}
      </small>
    </p>
  );
}

function Form({ stands, decide }: { readonly stands: Stands; readonly decide: Decide }) {
  const [reason, setReason] = useState<string>(REASONS[0]);
  const [by, setBy] = useState(remembered);
  const [problem, setProblem] = useState<string | null>(null);
  const send = async (action: Action): Promise<void> => {
    if (by.trim() === "") {
      setProblem("Sign first: initials or a staff number.");
      return;
    }
    remember(by.trim());
    setProblem(await decide(action, action === "repeat" ? reason : null, by.trim()));
  };
  const told = problem ?? stands.error;
  return (
    <form class="decide" onSubmit={(event) => event.preventDefault()}>
      <label>
        Signed
        <input name="by" maxLength={MAX_SIGNATURE} value={by} autocomplete="off" onInput={(event) => setBy(event.currentTarget.value)} />
      </label>
      <label>
        Reason
        <select name="reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)}>
          {REASONS.map((word) => (
            <option key={word} value={word}>{plain(word)}</option>
          ))}
        </select>
      </label>
      <p class="decide-buttons">
        <button type="button" onClick={() => void send("repeat")}>Reject the film</button>
        <button type="button" onClick={() => void send("accept")}>Keep it</button>
        {stands.decision !== null && <button type="button" onClick={() => void send("withdraw")}>Take back</button>}
      </p>
      {told !== null && <p class="decide-problem payload" role="alert">{told}</p>}
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
