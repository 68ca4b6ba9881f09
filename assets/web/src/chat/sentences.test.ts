import { describe, expect, it } from "vitest";
import { plainWords, wholeSentences } from "./sentences";

describe("wholeSentences", () => {
  it("ends behind the last finished sentence", () => {
    const text = "One. Two! And thr";
    expect(text.slice(0, wholeSentences(text, 0))).toBe("One. Two! ");
  });

  it("stays where it is while a sentence grows", () => {
    expect(wholeSentences("Nothing finished", 0)).toBe(0);
    expect(wholeSentences("One. and a half", 5)).toBe(5);
  });
});

describe("plainWords", () => {
  it("leaves the marks out", () => {
    expect(plainWords("# A *big* [door](https://x.y)\n\n- with `keys`\n\n| a | b |\n|---|---|\n")).toBe("A big door with keys a b");
  });
});
