/** The film with what was found drawn on it: from MQTT where it came, else from the appliance. */

import { useEffect, useState } from "preact/hooks";

import type { Report } from "../contract.ts";
import { storedOverlay } from "../history.ts";

interface Props {
  readonly report: Report;
  /** The address of the one that came over MQTT. */
  readonly live: string | undefined;
}

export function Overlay({ report, live }: Props) {
  const address = live ?? storedOverlay(report.report_id);
  const [broken, setBroken] = useState<string | null>(null);
  // The drawing of the next film starts afresh; a live one that comes later takes the place of a missing one.
  useEffect(() => setBroken(null), [address]);
  return (
    <figure class="overlay" data-overlay={broken === address ? "missing" : live === undefined ? "stored" : "live"}>
      {broken === address ? (
        <p class="quiet">No drawing of this film is at hand.</p>
      ) : (
        <a href={address} target="_blank" rel="noopener" aria-label="Open the drawing in full size">
          <img src={address} alt="The film with the landmarks and lines that were found" onError={() => setBroken(address)} />
        </a>
      )}
    </figure>
  );
}
