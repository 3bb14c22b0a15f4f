/** How the appliances are: a card a room with what matters at a glance, and below it everything they tell. */

import type { Health, Leaves } from "../contract.ts";
import { duration, moment } from "../format.ts";
import { deviceOf, missed, type Device, type State } from "../store.ts";
import { states } from "../words.ts";
import { StateMark } from "./icons.tsx";

/** From file complete to acknowledgement the contract allows two seconds. */
const LATENCY_LIMIT_MS = 2000;
/** A module that is hotter slows itself down. */
const HOT_CELSIUS = 85;
/** Less than this is soon used up. */
const LITTLE_DISK = 2e9;
/** What is not about the appliance: names of schemas, and the notice that every report carries. */
const BESIDE = /^(schemas?|notice)\b/;

export function Appliances({ state, rooms, now }: { readonly state: State; readonly rooms: readonly string[]; readonly now: number }) {
  return (
    <div class="board" data-view="appliances">
      <h2>Appliances</h2>
      <div class="appliances">
        {rooms.map((room) => <Appliance key={room} name={room} device={deviceOf(state, room)} missed={missed(state, room)} now={now} />)}
      </div>
    </div>
  );
}

export const MARKS = { online: "good", degraded: "partial", starting: "waiting", building_engines: "waiting", offline: "bad", unknown: "waiting" } as const;

interface Props {
  readonly name: string;
  readonly device: Device;
  /** Numbers of reports that the page has not got. */
  readonly missed: readonly number[];
  readonly now: number;
}

function Appliance({ name, device, missed, now }: Props) {
  const { status, info, health } = device;
  const word = status === null ? "No word yet" : status.state === "unknown" ? status.state_word : states[status.state];
  return (
    <section class="card appliance" aria-label={`Appliance ${name}`} data-appliance-card={name}>
      <header>
        <StateMark state={status === null ? "waiting" : MARKS[status.state]} />
        <h3 class="payload">{name}</h3>
        <b class="payload">{word}</b>
        {status?.since != null && <small>since {moment(status.since, now, "short")}</small>}
      </header>
      {status?.detail != null && <p class="payload">{status.detail}</p>}
      {missed.length > 0 && <p>Reports that this page has not heard: {missed.length} (newest number {missed.at(-1)}).</p>}
      {health !== null && <Gauges health={health} now={now} />}
      {health?.last_error != null && (
        <p class="last-error payload">
          <b>Last trouble</b> <small>{moment(health.last_error.at, now)}</small> {health.last_error.text}
        </p>
      )}
      {info !== null && (
        <p class="quiet payload">
          {[info.version === null ? null : `Version ${info.version}`, [info.provider, info.precision].filter(Boolean).join(" ")].filter(Boolean).join(", ")}
        </p>
      )}
      {(health !== null || info !== null) && (
        <details>
          <summary>Everything it tells</summary>
          {health !== null && <Pairs title="Health" leaves={health.leaves} />}
          {info !== null && <Pairs title="Software and models" leaves={info.leaves} />}
        </details>
      )}
    </section>
  );
}

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note?: string | undefined;
  readonly trouble?: boolean;
}

function Gauges({ health, now }: { readonly health: Health; readonly now: number }) {
  const hottest = [...health.temperatures].sort((a, b) => b.celsius - a.celsius)[0];
  const { outbox, latency_ms: latency } = health;
  const tiles: readonly (Tile | null)[] = [
    health.films_waiting === null ? null : { name: "Films waiting", value: String(health.films_waiting) },
    outbox.waiting === null ? null : {
      name: "Messages waiting", value: String(outbox.waiting), trouble: (outbox.set_aside ?? 0) > 0,
      note: outbox.set_aside ? `${outbox.set_aside} refused by the broker` : outbox.oldest_at === null ? undefined : `since ${moment(outbox.oldest_at, now, "short")}`,
    },
    latency === null ? null : { name: "Film to report", value: duration(latency.p50), note: `99 % within ${duration(latency.p99)}`, trouble: latency.p99 > LATENCY_LIMIT_MS },
    hottest === undefined ? null : { name: "Hottest", value: `${hottest.celsius.toFixed(0)}\u202F°C`, note: hottest.sensor, trouble: hottest.celsius > HOT_CELSIUS },
    health.disk_free_bytes === null ? null : { name: "Disk free", value: bytes(health.disk_free_bytes), trouble: health.disk_free_bytes < LITTLE_DISK },
    health.reports === null ? null : {
      name: "Films measured", value: String(health.reports), note: health.started_at === null ? undefined : `since ${moment(health.started_at, now, "short")}`,
    },
    health.faults === null ? null : { name: "Not measurable", value: String(health.faults), note: "since then" },
  ];
  return (
    <dl class="tiles">
      {tiles.flatMap((tile) => (tile === null ? [] : [
        <div key={tile.name} class={tile.trouble ? "trouble-tile" : undefined} data-tile={tile.name}>
          <dt>{tile.name}</dt>
          <dd>
            {tile.value}
            {tile.trouble && <span class="spoken">, needs attention</span>}
            {tile.note !== undefined && <small class="payload">{tile.note}</small>}
          </dd>
        </div>,
      ]))}
    </dl>
  );
}

function bytes(n: number): string {
  return n >= 1e10 ? `${(n / 1e9).toFixed(0)}\u202FGB` : n >= 1e9 ? `${(n / 1e9).toFixed(1)}\u202FGB` : `${(n / 1e6).toFixed(0)}\u202FMB`;
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
