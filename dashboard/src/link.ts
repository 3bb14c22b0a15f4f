/**
 * The connection to the broker: the only place that knows the MQTT client.
 *
 * States: connecting → connected ⇄ lost. It reconnects by itself for as long as the page is open, subscribes anew on
 * every connection (which brings what is retained again), and never throws into the client's loop. Between two connections
 * of one page the broker keeps what is published, if it keeps sessions; what it does not keep comes from the appliance's
 * memory.
 */

import mqtt, { type MqttClient } from "mqtt";

import type { Broker, PageConfig } from "./contract.ts";
import type { Link } from "./store.ts";
import { subscriptions } from "./topics.ts";

/** A broker that comes back finds its pages spread over this time, not all at once. */
const RECONNECT_MS = { least: 1500, most: 3000 } as const;
const CONNECT_TIMEOUT_MS = 8000;
/** A dead peer is noticed within one and a half of this. */
const KEEPALIVE_S = 20;
/** How long a broker keeps messages for a page that is cut off. */
const SESSION_S = 600;
/** The largest packet taken: a report is some 20 KiB, an overlay at most 256 KiB. */
const MAX_PACKET = 2 * 1024 * 1024;

export interface Listener {
  link(link: Link): void;
  /** Subscribed: from here on nothing is missed. */
  ready(): void;
  message(topic: string, payload: Uint8Array): void;
}

/** The broker's address as seen from the page at `location`. */
export function brokerUrl(broker: Broker, location: { readonly protocol: string; readonly hostname: string; readonly host: string }): string {
  if (broker.url !== null) return broker.url;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  if (broker.port === null) return `${scheme}://${location.host}${broker.path}`;
  return `${scheme}://${location.hostname}:${broker.port}${broker.path}`;
}

/** A connection that is kept. */
export interface Connection {
  /** Publishes with QoS 1, or says why that cannot be done now. Nothing is kept for later: a word is given now or not at all. */
  publish(topic: string, payload: string): Promise<string | null>;
  end(): void;
}

/** Keeps a connection until its end is called. */
export function connect(url: string, protocol: Broker["protocol"], config: PageConfig, listener: Listener): Connection {
  const client = mqtt.connect(url, {
    protocolVersion: protocol,
    clientId: `sagitta-page-${randomId()}`,
    // The name is new with each page that is opened, so the first session is always an empty one. With MQTT 3.1.1 a
    // session would never end.
    clean: protocol === 4,
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: RECONNECT_MS.least + Math.random() * (RECONNECT_MS.most - RECONNECT_MS.least),
    // Without this a broker that refuses once (it is still starting) is never asked again.
    reconnectOnConnackError: true,
    resubscribe: false,
    // The other choice makes a worker from a blob, which the page's security policy forbids.
    timerVariant: "native",
    ...(protocol === 5 ? { properties: { maximumPacketSize: MAX_PACKET, sessionExpiryInterval: SESSION_S } } : {}),
  });
  let detail: string | null = null;
  const tell = (state: Link["state"]): void => listener.link({ state, since: Date.now(), detail });

  client.on("connect", () => {
    detail = null;
    subscribe(client, config, (problem) => {
      if (problem === null) {
        tell("connected");
        listener.ready();
      } else {
        detail = problem;
        tell("lost");
      }
    });
  });
  client.on("close", () => tell("lost"));
  client.on("error", (error) => {
    detail = error.message;
    tell("lost");
  });
  client.on("message", (topic, payload) => {
    try {
      listener.message(topic, payload);
    } catch (error) {
      console.error("A message could not be handled.", topic, error);
    }
  });
  // A laptop that wakes up or a cable that is plugged in again need not wait for the next attempt.
  const hurry = (): void => {
    if (!client.connected && !client.disconnecting) client.reconnect();
  };
  window.addEventListener("online", hurry);
  // A page that is closed for good wants nothing kept for it.
  const leave = (event: PageTransitionEvent): void => {
    if (!event.persisted) client.end(false, protocol === 5 ? { properties: { sessionExpiryInterval: 0 } } : {});
  };
  window.addEventListener("pagehide", leave);
  tell("connecting");
  return {
    publish: async (topic, payload) => {
      if (!client.connected) return "The broker cannot be reached just now.";
      try {
        await client.publishAsync(topic, payload, { qos: 1 });
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    end: () => {
      window.removeEventListener("online", hurry);
      window.removeEventListener("pagehide", leave);
      client.end(true);
    },
  };
}

function subscribe(client: MqttClient, config: PageConfig, done: (problem: string | null) => void): void {
  client.subscribe(subscriptions(config), { qos: 1 }, (error, granted) => {
    const refused = (granted ?? []).filter((grant) => grant.qos >= 0x80).map((grant) => grant.topic);
    if (error) done(`The broker refused the subscription: ${error.message}`);
    else done(refused.length > 0 ? `The broker refused ${refused.join(", ")}.` : null);
  });
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
