// What went wrong, in the reader's language and with the way on.
import { ApiError } from "./api/error";
import { dayAndTime, duration, number } from "./format";
import { m } from "./paraglide/messages";
import { wordsForReason, type Details } from "./reasons";

type Said = { code: string; message: string; retryAfterSeconds?: number; details?: Details };

const byCode: Record<string, (problem: Said) => string> = {
  unreachable: () => m.problem_unreachable(),
  unauthenticated: () => m.problem_unauthenticated(),
  forbidden: ({ message }) => asSentence(message) || m.problem_forbidden(),
  not_found: () => m.problem_not_found(),
  payload_too_large: () => m.problem_too_large(),
  quota_exceeded: quotaWords,
  context_too_long: () => m.problem_context_too_long(),
  rate_limited: (problem) => waitWords(problem, m.problem_rate_limited()),
  overloaded: (problem) => waitWords(problem, m.problem_overloaded()),
  model_unavailable: ({ message }) => [m.problem_model_unavailable(), asSentence(message)].filter(Boolean).join(" "),
  internal: () => m.problem_internal(),
};

export function wordsFor(problem: unknown): string {
  const said: Said = problem instanceof ApiError || isSaid(problem) ? problem : { code: "internal", message: "" };
  const why = wordsForReason(said.details);
  if (why) return waitWords(said, asSentence(why));
  return byCode[said.code]?.(said) ?? (asSentence(said.message) || m.problem_internal());
}

/** The server's own words, which begin small and end without a stop. */
export function asSentence(words: string): string {
  const begun = words.charAt(0).toUpperCase() + words.slice(1);
  return begun === "" || /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

function waitWords({ retryAfterSeconds }: Said, words: string): string {
  return retryAfterSeconds ? `${words} ${m.problem_wait({ time: duration(retryAfterSeconds) })}` : words;
}

/** What is missing, and when or from whom more comes. */
function quotaWords({ details = {} }: Said): string {
  const { needed, balance, holder, refill_at } = details;
  if (typeof needed !== "number" || typeof balance !== "number") return m.problem_quota_short();
  const amounts = { needed: number(needed), balance: number(Math.max(0, balance)) };
  const lack = holder === "group" ? m.problem_quota_group(amounts) : m.problem_quota(amounts);
  const way = typeof refill_at === "string" ? m.problem_quota_refill({ when: dayAndTime(refill_at) }) : m.problem_quota_ask();
  return `${lack} ${way}`;
}

function isSaid(problem: unknown): problem is Said {
  return typeof problem === "object" && problem !== null && "code" in problem && "message" in problem;
}
