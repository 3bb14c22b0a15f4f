/** Light or dark: by the system's wish until somebody chooses; the choice is the browser's to remember. */

export type Theme = "system" | "light" | "dark";
const ORDER: readonly Theme[] = ["system", "light", "dark"];
const KEY = "sagitta.theme";

export function remembered(): Theme {
  try {
    const word = localStorage.getItem(KEY);
    return ORDER.find((theme) => theme === word) ?? "system";
  } catch {
    return "system";
  }
}

export const next = (theme: Theme): Theme => ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? "system";

export function choose(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Then it is chosen again after the page is loaded anew.
  }
}
