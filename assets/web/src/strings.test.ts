import { readdirSync, readFileSync } from "node:fs";
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

  it("are all said somewhere", () => {
    const root = new URL("./", import.meta.url);
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => /\.(svelte|ts)$/.test(path) && !path.startsWith("lib/paraglide"));
    const said = new Set(files.flatMap((path) => readFileSync(new URL(path, root), "utf8").match(/(?<=\bm\.)\w+/g) ?? []));
    expect(Object.keys(english).filter((key) => !said.has(key))).toEqual([]);
  });
});
