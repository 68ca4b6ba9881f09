// What was written on each of the last days, of all models together, also on days when nothing was.
import type { Overview } from "../lib/api/types";

export interface DayUsage {
  /** When the day begins, in UTC. */
  day: Date;
  replies: number;
  promptTokens: number;
  completionTokens: number;
}

const DAYS = 30;
const DAY_MS = 86_400_000;

export function byDay(usage: Overview["usage"], now = Date.now()): DayUsage[] {
  const today = Math.floor(now / DAY_MS);
  const days = Array.from({ length: DAYS }, (_, index): DayUsage => ({ day: new Date((today - DAYS + 1 + index) * DAY_MS), replies: 0, promptTokens: 0, completionTokens: 0 }));
  for (const row of usage) {
    const of = days[Math.floor(new Date(row.day).getTime() / DAY_MS) - today + DAYS - 1];
    if (!of) continue;
    of.replies += row.replies;
    of.promptTokens += row.prompt_tokens;
    of.completionTokens += row.completion_tokens;
  }
  return days;
}
