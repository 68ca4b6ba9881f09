// Syntax colours. highlight.js and each language are fetched only when a text needs them.
import type { HLJSApi } from "highlight.js";
import { languageModules, languageName } from "./languages";

const TOO_LONG = 60_000;
let engine: HLJSApi | undefined;

/** Coloured HTML when it can be had at once. Notes in `missing` a language worth loading. */
export function highlight(code: string, language: string, missing?: Set<string>): string | undefined {
  const name = languageName(language);
  if (!name || code.length > TOO_LONG) return undefined;
  if (!engine?.getLanguage(name)) {
    missing?.add(name);
    return undefined;
  }
  return engine.highlight(code, { language: name, ignoreIllegals: true }).value;
}

/** Resolves when all that can be loaded is loaded; a failed download only means no colours. */
export async function loadLanguages(names: Iterable<string>): Promise<void> {
  try {
    engine ??= (await import("highlight.js/lib/core")).default;
    const core = engine;
    await Promise.all(
      [...names].map(async (name) => {
        const language = await languageModules[name]?.();
        if (language && !core.getLanguage(name)) core.registerLanguage(name, language.default);
      }),
    );
  } catch {
    // Offline in the middle of a page: the code stays readable without colours.
  }
}
