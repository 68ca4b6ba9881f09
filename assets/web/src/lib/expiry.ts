// How long something is good for, as one chooses it.
import { number } from "./format";
import { m } from "./paraglide/messages";

const DAYS = [7, 30, 90, 365];
const FOREVER = "";

export function expiryChoices() {
  return [...DAYS.map((days) => ({ value: String(days), label: m.days({ days: number(days) }) })), { value: FOREVER, label: m.without_end() }];
}

/** The moment, for the server; undefined when it never ends. */
export function expiryOf(days: string, now = Date.now()): string | undefined {
  return days === FOREVER ? undefined : new Date(now + Number(days) * 86_400_000).toISOString();
}
