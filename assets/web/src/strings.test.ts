import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const read = (locale: string): Record<string, string> => JSON.parse(readFileSync(new URL(`../messages/${locale}.json`, import.meta.url), "utf8"));
const english = read("en");
const german = read("de");
const holes = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

describe("strings", () => {
  it("are complete in every language", () => {
    expect(Object.keys(german)).toEqual(Object.keys(english));
    expect(Object.values({ ...english, ...german }).filter((text) => text.trim() === "")).toEqual([]);
  });

  it("have the same holes in every language", () => {
    for (const [key, text] of Object.entries(english)) expect(holes(german[key]!), key).toEqual(holes(text));
  });
});
