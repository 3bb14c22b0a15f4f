/** A number's interval as a bar against its threshold. The number stands beside in digits; this is for the eye. */

import type { Measurement } from "../contract.ts";
import { bar, spoken, type Threshold } from "../bars.ts";
import { quantity } from "../format.ts";

interface Props {
  readonly measurement: Measurement;
  readonly threshold: Threshold | null;
  readonly small?: boolean;
}

const percent = (place: number): string => `${(100 * place).toFixed(2)}%`;
const span = ([from, to]: readonly [number, number]): { left: string; width: string } => ({ left: percent(from), width: percent(Math.max(0, to - from)) });

export function Bar({ measurement: m, threshold, small = false }: Props) {
  if (m.status === "withheld" || threshold === null) return null;
  const shape = bar(m.name, m.value, m.ci90, threshold);
  if (shape === null) return null;
  const words = spoken(m, shape.side);
  return (
    <span class={`bar side-${shape.side}${small ? " bar-small" : ""}`} data-bar={m.name} data-side={shape.side}>
      {shape.beyond.map((part, i) => <span key={i} class="bar-beyond" style={span(part)} />)}
      {shape.zero !== null && <span class="bar-zero" style={{ left: percent(shape.zero) }} />}
      {shape.interval !== null && <span class="bar-interval" style={span(shape.interval)} />}
      <span class="bar-value" style={{ left: percent(shape.value) }} />
      {shape.threshold !== null && threshold !== null && (
        <span class="bar-threshold" style={{ left: percent(shape.threshold) }} title={`Threshold ${quantity(threshold.at, m.unit)}`}>
          {!small && <small aria-hidden="true" class={shape.threshold > 0.8 ? "bar-left" : undefined}>{quantity(threshold.at, m.unit)}</small>}
        </span>
      )}
      {words !== null && <span class="spoken">{words}</span>}
    </span>
  );
}
