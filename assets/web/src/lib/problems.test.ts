import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { ApiError } from "./api/error";
import { overwriteGetLocale } from "./paraglide/runtime";
import { wordsFor } from "./problems";
import { wordsForReason } from "./reasons";

const guide = readFileSync(new URL("../../../../docs/API.md", import.meta.url), "utf8");
const list = guide.slice(guide.indexOf("<!-- reasons: made"), guide.indexOf("<!-- reasons: end"));
const reasons = [...list.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, word, meaning]) => ({ word: word!, meaning: meaning! }));

const refusal = (details: Record<string, unknown>, code = "conflict", retryAfterS?: number) => new ApiError(code, "the server's own words", 409, retryAfterS, details);

afterEach(() => overwriteGetLocale(() => "en"));

describe("why something was refused", () => {
  it("has words in every language for every reason of the house", () => {
    expect(reasons.length).toBeGreaterThan(50);
    for (const { word } of reasons) {
      const said = (["en", "de"] as const).map((locale) => {
        overwriteGetLocale(() => locale);
        return wordsForReason({ reason: word });
      });
      expect(said.every(Boolean), word).toBe(true);
      expect(said[0], word).not.toBe(said[1]);
    }
  });

  it("says how much, where the house says so", () => {
    for (const { word, meaning } of reasons) {
      const named = [...meaning.matchAll(/`(minimum|maximum|first|balance)`/g)].map(([, name]) => name!);
      if (named.length === 0) continue;
      const details = Object.fromEntries(named.map((name, index) => [name, 71 + index]));
      const said = wordsForReason({ reason: word, ...details })!;
      expect(named.some((name) => said.includes(String(details[name]))), `${word}: ${said}`).toBe(true);
    }
  });

  it("is in the reader's language", () => {
    overwriteGetLocale(() => "de");
    expect(wordsFor(refusal({ reason: "key_used_up" }, "forbidden"))).toBe("Dieser Registrierungsschlüssel ist aufgebraucht. Bitte um einen anderen.");
    expect(wordsFor(refusal({ reason: "password_too_short", minimum: 8, maximum: 256 }))).toBe("Nimm mindestens 8 Zeichen.");
  });

  it("says how long to wait", () => {
    overwriteGetLocale(() => "de");
    expect(wordsFor(refusal({ reason: "too_many_attempts", retry_after_s: 1 }, "rate_limited", 1))).toBe("Das ging zu oft daneben. Versuche es in 1 Sekunde noch einmal.");
    expect(wordsFor(refusal({ reason: "too_many_attempts", retry_after_s: 900 }, "rate_limited", 900))).toBe("Das ging zu oft daneben. Versuche es in 15 Minuten noch einmal.");
  });

  it("is the server's own sentence where the page does not know the reason", () => {
    for (const details of [{}, { reason: "of_tomorrow" }, { reason: "toString" }, { reason: 7 }]) expect(wordsFor(refusal(details))).toBe("The server's own words.");
  });
});
