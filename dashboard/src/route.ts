/** Which film is shown, kept in the address so that it can be linked and the browser's back button works. */

/** `null` follows the newest film. */
export type Route = { readonly key: string } | null;

const FILM = "#/film/";

export function routeOf(hash: string): Route {
  if (!hash.startsWith(FILM)) return null;
  try {
    const key = decodeURIComponent(hash.slice(FILM.length));
    return key === "" ? null : { key };
  } catch {
    return null;
  }
}

export function hrefOf(key: string): string {
  return FILM + encodeURIComponent(key);
}

/** Follows the newest film. */
export const LIVE = "#/";
