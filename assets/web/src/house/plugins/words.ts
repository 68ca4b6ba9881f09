// Hooks, states and outcomes of plugins, in words.
import type { Plugin } from "../../lib/api/types";
import { m } from "../../lib/paraglide/messages";

export type Hook = Plugin["hooks"][number];

export const hookNames: Record<Hook, () => string> = {
  registration_before_accept: m.hook_registration,
  message_price: m.hook_price,
  reply_before_start: m.hook_reply,
};

/** What each function is given. */
export const hookArguments: Record<Hook, string> = {
  registration_before_accept: "key, applicant, now",
  message_price: "user, model, usage",
  reply_before_start: "user, conversation, request",
};

export const stateNames: Record<Plugin["state"], () => string> = {
  off: m.plugin_off,
  on: m.plugin_on,
  switched_off: m.plugin_switched_off,
  broken: m.plugin_broken,
};

export const stateLooks: Record<Plugin["state"], string> = { off: "", on: "tag-ok", switched_off: "tag-bad", broken: "tag-bad" };

const outcomes: Record<string, () => string> = {
  allowed: m.outcome_allowed,
  refused: m.outcome_refused,
  changed: m.outcome_changed,
  priced: m.outcome_priced,
  house_price: m.outcome_house_price,
  failed: m.outcome_failed,
  switched_off: m.plugin_switched_off,
};

export const outcomeName = (outcome: string) => outcomes[outcome]?.() ?? outcome;
export const isBadOutcome = (outcome: string) => outcome === "failed" || outcome === "switched_off";
