/** Signs that differ in shape, not only in colour: circle, diamond, octagon, bar. Decorative; the word stands beside. */

import type { ComponentChildren } from "preact";

import type { Verdict } from "../contract.ts";

function Sign({ children }: { readonly children: ComponentChildren }) {
  return (
    <svg class="sign" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

// On its own colour (the band of the detail view) a sign is turned inside out by these two.
const FACE = "var(--sign-face, var(--sign))";
const LINE = "var(--sign-line, var(--sign-ink))";
const stroke = { fill: "none", stroke: LINE, "stroke-width": 4.5, "stroke-linecap": "round", "stroke-linejoin": "round" } as const;

export function VerdictSign({ verdict }: { readonly verdict: Verdict }) {
  switch (verdict) {
    case "accept":
      return (
        <Sign>
          <circle cx="24" cy="24" r="22" fill={FACE} />
          <path d="M14 25l7 7 14-15" {...stroke} />
        </Sign>
      );
    case "review":
      return (
        <Sign>
          <rect x="8" y="8" width="32" height="32" rx="4" transform="rotate(45 24 24)" fill={FACE} />
          <path d="M24 14v12" {...stroke} />
          <circle cx="24" cy="34" r="2.9" fill={LINE} />
        </Sign>
      );
    case "repeat":
      return (
        <Sign>
          <path d="M15.3 3h17.4L45 15.3v17.4L32.7 45H15.3L3 32.7V15.3z" fill={FACE} />
          <path d="M33.5 19.5a10.5 10.5 0 1 0 1 6.5" {...stroke} />
          <path d="M34.5 12v8h-8" {...stroke} />
        </Sign>
      );
    case "not_applicable":
    case "unknown":
      return (
        <Sign>
          <rect x="3" y="3" width="42" height="42" rx="8" fill={FACE} />
          {verdict === "unknown" ? (
            <>
              <path d="M18 19a6 6 0 1 1 9 5c-2 1.2-3 2.2-3 4.5" {...stroke} />
              <circle cx="24" cy="36" r="2.9" fill={LINE} />
            </>
          ) : (
            <path d="M14 24h20" {...stroke} />
          )}
        </Sign>
      );
  }
}

/** A small mark for a state: filled, half, ring or bar. */
export function StateMark({ state }: { readonly state: "good" | "partial" | "waiting" | "bad" }) {
  return (
    <svg class={`mark mark-${state}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {state === "good" && <circle cx="8" cy="8" r="6" fill="currentColor" />}
      {state === "partial" && (
        <>
          <circle cx="8" cy="8" r="5.2" fill="none" stroke="currentColor" stroke-width="1.8" />
          <path d="M8 3a5 5 0 0 1 0 10z" fill="currentColor" />
        </>
      )}
      {state === "waiting" && <circle cx="8" cy="8" r="5.2" fill="none" stroke="currentColor" stroke-width="1.8" stroke-dasharray="3 2.4" />}
      {state === "bad" && <path d="M3 3l10 10M13 3L3 13" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" />}
    </svg>
  );
}
