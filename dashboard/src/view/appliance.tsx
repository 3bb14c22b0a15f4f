/** What the appliance tells of itself: version, models, health. Shown as it came, nothing interpreted. */

import type { Leaves } from "../contract.ts";
import type { Device } from "../store.ts";

/** What is not about the appliance: names of schemas, and the notice that every report carries. */
const BESIDE = /^(schemas?|notice)\b/;

export function Appliance({ name, device }: { readonly name: string; readonly device: Device }) {
  if (device.info === null && device.health === null) return null;
  return (
    <details class="card appliance">
      <summary>
        <h3>
          The appliance <span class="payload">{name}</span>
          {device.info?.version != null && <span class="payload">, version {device.info.version}</span>}
        </h3>
      </summary>
      {device.health !== null && <Pairs title="Health" leaves={device.health.leaves} />}
      {device.info !== null && <Pairs title="Software and models" leaves={device.info.leaves} />}
    </details>
  );
}

function Pairs({ title, leaves }: { readonly title: string; readonly leaves: Leaves }) {
  return (
    <>
      <h4>{title}</h4>
      <dl class="pairs">
        {leaves.filter(([path]) => !BESIDE.test(path)).map(([path, value]) => (
          <>
            <dt class="payload">{path.replaceAll("_", " ")}</dt>
            <dd class="payload">{value}</dd>
          </>
        ))}
      </dl>
    </>
  );
}
