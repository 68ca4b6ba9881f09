// The language of the page. Strings are paraglide's functions; reading the locale from $state
// makes every string on the page follow a change at once.
import { baseLocale, isLocale, locales, overwriteGetLocale, type Locale } from "./paraglide/runtime";
import { writeStored } from "./stored";

class Language {
  current: Locale = $state(baseLocale);

  constructor() {
    // public/early.js has set it before the first paint: the choice kept here, else the browser's.
    const { lang } = document.documentElement;
    if (isLocale(lang)) this.current = lang;
    overwriteGetLocale(() => this.current);
  }

  choose(locale: Locale) {
    this.current = locale;
    document.documentElement.lang = locale;
    writeStored("local", "chatelaine-language", locale);
  }
}

export const language = new Language();
export { locales, type Locale };

/** Each language by its own name. */
export const languageNames: Record<Locale, string> = { en: "English", de: "Deutsch" };
