import { describe, expect, it } from "vitest";
import { byDay } from "./usage";

const now = Date.parse("2026-11-21T22:00:00Z");
const row = (day: string, model: string, replies: number) => ({ day, model, replies, prompt_tokens: 10 * replies, cached_tokens: 0, completion_tokens: replies });

describe("usage by day", () => {
  it("has every day, and puts models together", () => {
    const days = byDay([row("2026-11-20T00:00:00Z", "a", 2), row("2026-11-20T00:00:00Z", "b", 3), row("2026-11-21T00:00:00Z", "a", 1)], now);
    expect(days.length).toBe(30);
    expect(days.at(-1)).toEqual({ day: new Date("2026-11-21T00:00:00Z"), replies: 1, promptTokens: 10, completionTokens: 1 });
    expect(days.at(-2)?.replies).toBe(5);
    expect(days.at(0)?.day).toEqual(new Date("2026-10-23T00:00:00Z"));
  });

  it("leaves out what lies before", () => {
    expect(byDay([row("2026-09-01T00:00:00Z", "a", 2)], now).every(({ replies }) => replies === 0)).toBe(true);
  });
});
