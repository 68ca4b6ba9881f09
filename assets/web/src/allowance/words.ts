// Prices, refills and entries of an allowance, in words.
import type { Allowance, AllowanceRules, TokenEntry } from "../lib/api/types";
import { number } from "../lib/format";
import { m } from "../lib/paraglide/messages";

type Price = AllowanceRules["price"];
export type Every = AllowanceRules["refill"]["every"];

export const everyNames: Record<Every, () => string> = { never: m.every_never, day: m.every_day, week: m.every_week, month: m.every_month };

export function priceWords(price: Price): string {
  if (price.kind === "policy") return m.price_policy({ tokens: number(price.per_message) });
  if (price.kind === "per_message") return m.price_per_message({ tokens: number(price.per_message) });
  return m.price_per_token({ prompt: number(price.per_1000_prompt), cached: number(price.per_1000_cached), completion: number(price.per_1000_completion) });
}

export function refillWords({ every, amount, up_to }: Allowance["refill"]): string {
  if (every === "never") return m.refill_never();
  const words = { tokens: number(amount), every: everyNames[every]() };
  return up_to ? m.refill_up_to(words) : m.refill_add(words);
}

export const entryNames: Record<TokenEntry["kind"], () => string> = {
  opened: m.entry_opened,
  topped_up: m.entry_topped_up,
  refilled: m.entry_refilled,
  settled: m.entry_settled,
  corrected: m.entry_corrected,
  carried_forward: m.entry_carried_forward,
};
