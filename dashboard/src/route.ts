/** What is shown, kept in the address so that it can be linked, a wall screen can be set to it, and “back” works. */

export type Route =
  /** Follows the newest film, of one room where one is chosen. */
  | { readonly view: "live"; readonly room: string | null }
  | { readonly view: "film"; readonly key: string }
  | { readonly view: "study"; readonly key: string }
  | { readonly view: "statistics" }
  | { readonly view: "appliances" };

export const LIVE = "#/";
export const STATISTICS = "#/statistics";
export const APPLIANCES = "#/appliances";
const [ROOM, FILM, STUDY] = ["#/room/", "#/film/", "#/study/"] as const;

export function routeOf(hash: string): Route {
  if (hash === STATISTICS) return { view: "statistics" };
  if (hash === APPLIANCES) return { view: "appliances" };
  const key = named(hash, FILM);
  if (key !== null) return { view: "film", key };
  const study = named(hash, STUDY);
  if (study !== null) return { view: "study", key: study };
  return { view: "live", room: named(hash, ROOM) };
}

function named(hash: string, start: string): string | null {
  if (!hash.startsWith(start)) return null;
  try {
    return decodeURIComponent(hash.slice(start.length)) || null;
  } catch {
    return null;
  }
}

export const hrefOf = (key: string): string => FILM + encodeURIComponent(key);
export const hrefOfStudy = (study_key: string): string => STUDY + encodeURIComponent(study_key);
export const hrefOfRoom = (room: string | null): string => (room === null ? LIVE : ROOM + encodeURIComponent(room));
