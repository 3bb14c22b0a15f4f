/**
 * The overlays that came over MQTT, as blob addresses an `<img>` can show.
 *
 * Bounded: the eldest is revoked when a new one needs its place; the appliance still has it under `/api/reports`.
 * Only JPEG is taken, and only up to a size: a payload is never given to the browser to guess at.
 */

/** Some four screens of films; at 256 KiB each this is at most 10 MiB. */
export const MAX_OVERLAYS = 40;
/** The contract says 256 KiB; room for a later, larger limit. */
export const MAX_BYTES = 1024 * 1024;

/** What became of a payload: its address and the keys whose addresses are gone, or `null` where it is no JPEG. */
export type Kept = { readonly url: string; readonly dropped: readonly string[] } | null;

interface Urls {
  createObjectURL(blob: Blob): string;
  revokeObjectURL(url: string): void;
}

export class Overlays {
  readonly #urls: Urls;
  /** In the order of arrival. */
  readonly #kept = new Map<string, string>();

  constructor(urls: Urls = URL) {
    this.#urls = urls;
  }

  put(key: string, bytes: Uint8Array): Kept {
    if (!isJpeg(bytes) || bytes.length > MAX_BYTES) return null;
    this.#drop(key);
    // A copy: the bytes may be a window into the client's receive buffer.
    const url = this.#urls.createObjectURL(new Blob([bytes.slice()], { type: "image/jpeg" }));
    this.#kept.set(key, url);
    const dropped = [...this.#kept.keys()].slice(0, Math.max(0, this.#kept.size - MAX_OVERLAYS));
    dropped.forEach((eldest) => this.#drop(eldest));
    return { url, dropped };
  }

  #drop(key: string): void {
    const url = this.#kept.get(key);
    if (url !== undefined) this.#urls.revokeObjectURL(url);
    this.#kept.delete(key);
  }
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}
