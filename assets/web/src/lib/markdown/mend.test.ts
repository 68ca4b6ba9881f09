import { describe, expect, it } from "vitest";
import { mend } from "./mend";

describe("mend", () => {
  it.each([
    ["roughly **halve", "roughly **halve**"],
    ["roughly **halve ", "roughly **halve**"],
    ["roughly **", "roughly "],
    ["**halve*", "**halve**"],
    ["call `hours(", "call `hours(`"],
    ["call `", "call "],
    ["`a ** b` and **so", "`a ** b` and **so**"],
    ["see [the table](https://exa", "see the table"],
  ])("closes %j", (open, closed) => {
    expect(mend(open)).toBe(closed);
  });

  it.each(["**whole** words ", "plain", "`code` and [a link](https://example.org)", "- a\n  ```js\n  let `x", "2 * 3"])("leaves %j", (text) => {
    expect(mend(text)).toBe(text);
  });
});
