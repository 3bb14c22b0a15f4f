/** The topics of the contract: `P` is `<prefix>/<device>`. This is the only place where they are spelled. */

import type { PageConfig } from "./contract.ts";

/** What a topic carries. */
export type Subject =
  | { readonly kind: "status" | "info" | "health" | "report" | "fault" | "rejects" | "repeat"; readonly device: string }
  | { readonly kind: "study" | "overlay"; readonly device: string; readonly key: string };

/** Everything the page listens to. */
export function subscriptions(config: Pick<PageConfig, "prefix" | "devices">): string[] {
  // `status` stands first so that the badge is right before the first report arrives.
  const parts = ["status", "info", "health", "study/+", "fault", "rejects", "repeat/response", "overlay/+", "report"];
  // `+` takes in all others, and the page's own with them.
  const devices = config.devices.includes("+") ? ["+"] : config.devices;
  return devices.flatMap((device) => parts.map((part) => `${config.prefix}/${device}/${part}`));
}

/** Where a radiographer's word goes. */
export const requestTopic = (prefix: string, device: string): string => `${prefix}/${device}/repeat/request`;

/** What `topic` is about, or `null` where it is none of ours. */
export function subjectOf(prefix: string, topic: string): Subject | null {
  if (!topic.startsWith(`${prefix}/`)) return null;
  const [device, kind, key, ...more] = topic.slice(prefix.length + 1).split("/");
  if (device === undefined || device === "" || more.length > 0) return null;
  switch (kind) {
    case "status":
    case "info":
    case "health":
    case "report":
    case "fault":
    case "rejects":
      return key === undefined ? { kind, device } : null;
    case "repeat":
      return key === "response" ? { kind, device } : null;
    case "study":
    case "overlay":
      return key !== undefined && key !== "" ? { kind, device, key } : null;
    default:
      return null;
  }
}
