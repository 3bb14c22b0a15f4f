/** The film with what was found drawn on it: from MQTT where it came, else from the appliance. */

import { useState } from "preact/hooks";

import type { Report } from "../contract.ts";
import { storedOverlay } from "../history.ts";

interface Props {
  readonly report: Report;
  /** The address of the one that came over MQTT. */
  readonly live: string | undefined;
}

export function Overlay({ report, live }: Props) {
  const address = live ?? storedOverlay(report.report_id);
  // Each address is tried afresh: the next film's drawing, or a live one that comes after a missing one.
  return <Drawing key={address} address={address} from={live === undefined ? "stored" : "live"} />;
}

function Drawing({ address, from }: { readonly address: string; readonly from: "stored" | "live" }) {
  const [missing, setMissing] = useState(false);
  return (
    <figure class="overlay" data-overlay={missing ? "missing" : from}>
      {missing ? (
        <p class="quiet">No drawing of this film is at hand.</p>
      ) : (
        <a href={address} target="_blank" rel="noopener" aria-label="Open the drawing in full size">
          <img src={address} alt="The film with the landmarks and lines that were found" onError={() => setMissing(true)} />
        </a>
      )}
    </figure>
  );
}
