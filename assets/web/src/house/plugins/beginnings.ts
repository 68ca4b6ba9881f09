// How a new plugin begins, by its hook: what changes nothing, with a word on what it could do.
import type { Hook } from "./words";

export const beginnings: Record<Hook, string> = {
  registration_before_accept: `    // refuse("Why not."), or allow_with(#{groups: ["pupils"], tokens: 50000})
    allow()`,
  message_price: `    // A number of tokens, or () for the house's price.
    ()`,
  reply_before_start: `    // refuse("Why not."), or change(#{max_tokens: 500})
    allow()`,
};
