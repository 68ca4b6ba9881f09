// The language one reads the page in is also the one mails are written in.
import { api, call } from "../lib/api/client";
import { language, type Locale } from "../lib/language.svelte";

export function chooseLanguage(locale: Locale) {
  language.choose(locale);
  // Nothing on the page depends on it, and the next choice tells it again.
  call(api.PATCH("/users/me", { body: { language: locale } })).catch(() => {});
}
