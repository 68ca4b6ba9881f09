// Light, dark, or as the system has it. public/early.js sets the same before the first paint.
import { readStored, writeStored } from "./stored";

export type ThemeChoice = "light" | "dark" | "system";
const KEY = "chatelaine-theme";

class Theme {
  choice: ThemeChoice = $state("system");
  #dark = matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    const stored = readStored("local", KEY);
    if (stored === "light" || stored === "dark") this.choice = stored;
    this.#dark.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  choose(choice: ThemeChoice) {
    this.choice = choice;
    writeStored("local", KEY, choice === "system" ? null : choice);
    this.#apply();
  }

  #apply() {
    const system = this.#dark.matches ? "dark" : "light";
    document.documentElement.dataset.theme = this.choice === "system" ? system : this.choice;
  }
}

export const theme = new Theme();
