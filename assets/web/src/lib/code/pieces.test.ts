import { describe, expect, it } from "vitest";
import { piecesOf } from "./pieces";

const kinds = (code: string, language: "rhai" | "toml") => piecesOf(code, language).flat().filter(({ kind }) => kind).map(({ text, kind }) => `${kind}: ${text}`);

describe("the pieces of code", () => {
  it("are what they are in Rhai", () => {
    expect(kinds('fn price(a) { // cheap\n  if a > 1_000.5 { "a \\" b" } else { () }\n}', "rhai")).toEqual([
      "keyword: fn",
      "name: price",
      "comment: // cheap",
      "keyword: if",
      "number: 1_000.5",
      'string: "a \\" b"',
      "keyword: else",
    ]);
  });

  it("are what they are in TOML", () => {
    expect(kinds('name = "x" # who\n[[settings]]\nsize = 5\non = true', "toml")).toEqual(['string: "x"', "comment: # who", "name: [[settings]]", "number: 5", "keyword: true"]);
  });

  it("together are the code, line by line, finished or not", () => {
    for (const code of ["", "\n", "a\n\nb", '"open', "/* open\nstill", "`two\nlines` fn", '"""\nopen']) {
      for (const language of ["rhai", "toml"] as const) {
        const lines = piecesOf(code, language).map((line) => line.map(({ text }) => text).join(""));
        expect(lines.join("\n")).toBe(code);
        expect(lines.length).toBe(code.split("\n").length);
      }
    }
  });
});
