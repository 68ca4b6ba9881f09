// How many requests wait, in words.
import { number } from "../lib/format";
import { m } from "../lib/paraglide/messages";

export const requestsWait = (count: number) => (count === 1 ? m.requests_wait_one() : m.requests_wait({ count: number(count) }));
