// Why the house refused something, in the reader's language, by the word it gives: `details.reason`,
// listed in docs/API.md.
import { bytes, number } from "./format";
import { m } from "./paraglide/messages";

export type Details = Record<string, unknown>;

const amount = (details: Details, name: string) => number(Number(details[name] ?? 0));
const limits = (details: Details) => ({ minimum: amount(details, "minimum"), maximum: amount(details, "maximum") });
const maximum = (details: Details) => ({ maximum: amount(details, "maximum") });
const size = (details: Details) => bytes(Number(details.limit_bytes ?? 0));
const minimum = (details: Details) => ({ minimum: amount(details, "minimum") });

const words: Record<string, (details: Details) => string> = {
  wrong_credentials: () => m.sign_in_wrong(),
  account_disabled: () => m.account_disabled(),
  email_unproved: () => m.pending_email_intro(),
  approval_awaited: () => m.pending_approval_no_mail(),
  account_gone: () => m.account_gone(),
  too_many_attempts: () => m.too_many_attempts(),
  too_many_requests: () => m.problem_rate_limited(),
  too_many_sign_ins: () => m.too_many_sign_ins(),

  registration_closed: () => m.register_closed_intro(),
  key_needed: () => m.key_needed(),
  key_unknown: () => m.key_unknown(),
  key_withdrawn: () => m.key_is_withdrawn(),
  key_expired: () => m.key_is_expired(),
  key_used_up: () => m.key_is_used_up(),
  setup_link_expired: () => m.setup_expired_title(),
  set_up_already: () => m.setup_done_meanwhile(),
  link_used_or_expired: () => m.link_expired_title(),

  name_taken: ({ field }) => (field === "username" ? m.username_taken() : m.name_taken()),
  username_reserved: () => m.username_reserved(),
  username_malformed: (details) => m.username_malformed(limits(details)),
  email_taken: () => m.email_taken(),
  email_needed: () => m.email_needed(),
  email_malformed: () => m.email_wrong(),
  password_too_short: (details) => m.password_too_short(minimum(details)),
  password_too_long: (details) => m.password_too_long(maximum(details)),
  password_too_common: () => m.password_too_common(),
  password_too_easy: () => m.password_weak(),
  password_wrong: () => m.password_wrong(),
  password_changed: () => m.password_changed_meanwhile(),

  no_email_to_prove: () => m.email_nothing_to_prove(),
  mail_not_set_up: () => m.mail_not_set_up(),
  too_many_mails: () => m.mail_too_many(),
  too_many_mails_asked: () => m.mail_too_many_asked(),
  mail_queue_full: () => m.mail_queue_full(),
  administrator_already: () => m.administrator_already(),
  request_open: () => m.request_open(),
  request_decided: () => m.request_decided(),
  request_undecided: () => m.request_undecided(),
  api_keys_not_allowed: () => m.api_keys_not_allowed(),
  too_many_api_keys: (details) => m.api_keys_too_many(maximum(details)),
  scope_needed: () => m.api_key_scope_needed(),

  administrators_only: () => m.administrators_only(),
  auditors_only: () => m.auditors_only(),
  last_administrator: () => m.last_administrator(),
  break_glass_off: () => m.break_glass_off(),
  reason_needed: () => m.reason_needed(),

  text_too_long: (details) => m.text_too_long(maximum(details)),
  not_one_line: (details) => (details.minimum ? m.line_between(limits(details)) : m.line_up_to(maximum(details))),
  out_of_range: (details) => m.number_between(limits(details)),
  time_is_over: () => m.time_is_over(),

  group_reserves: ({ name }) => m.group_reserves({ name: String(name) }),
  group_unknown: () => m.group_unknown(),
  group_of_everyone: () => m.group_of_everyone_stays(),
  too_many_groups: (details) => m.groups_too_many(maximum(details)),
  too_many_rules: (details) => m.rules_too_many(maximum(details)),

  no_key_in_text: () => m.keys_none_in_text(),
  too_many_keys: (details) => m.keys_too_many(maximum(details)),
  too_many_keys_at_once: (details) => m.keys_too_many_at_once(maximum(details)),
  key_lines_wrong: () => m.keys_load_none(),
  key_known: () => m.key_is_known(),
  key_repeated: (details) => m.key_repeated({ first: amount(details, "first") }),
  key_characters: () => m.key_characters(),
  key_length: (details) => m.key_length(limits(details)),
  key_too_simple: (details) => m.key_too_simple(minimum(details)),

  mail_server_malformed: () => m.mail_server_malformed(),
  mail_not_private: () => m.mail_not_private(),
  password_needed_again: () => m.mail_password_again(),

  message_empty: () => m.message_empty(),
  message_too_long: (details) => m.message_too_long({ limit: size(details) }),
  prompt_too_long: (details) => m.prompt_too_long({ limit: size(details) }),
  reply_running: () => m.reply_unattached(),
  reply_complete: () => m.reply_finished(),
  conversation_changed: () => m.conversation_changed(),
  access_changed: () => m.access_changed(),
  no_model: () => m.no_model_answers(),
  model_unknown: () => m.model_unknown(),
  model_probing: () => m.model_is_probed(),
  model_unusable: () => m.model_cannot_be_used(),
  model_crashed: () => m.model_crashed(),
  adapter_unknown: ({ name }) => m.adapter_unknown({ name: String(name) }),
  adapter_of_other_model: ({ name, model }) => m.adapter_of_other_model({ name: String(name), model: String(model) }),
  adapter_unusable: ({ name }) => m.adapter_unusable({ name: String(name) }),
  too_many_adapters: (details) => m.adapters_too_many(maximum(details)),
  adapter_known: ({ id }) => m.adapter_known({ id: String(id) }),
  adapter_too_large: (details) => m.adapter_too_large({ limit: size(details) }),
  adapters_full: (details) => m.adapters_full(maximum(details)),
  too_many_uploads: () => m.uploads_too_many(),
  disk_full: () => m.disk_full(),
  too_many_sources: (details) => m.sources_too_many(maximum(details)),
  source_key_needed_again: () => m.source_key_again(),

  amount_needed: () => m.amount_needed(),
  too_little_left: (details) => m.amount_left({ balance: amount(details, "balance") }),
  too_much: () => m.amount_too_much(),

  plugin_name_malformed: (details) => m.plugin_name_malformed(limits(details)),
  plugin_without_hook: () => m.plugin_without_hook(),
  plugin_shipped: () => m.plugin_is_shipped(),
  plugin_unusable: () => m.plugin_unusable(),
  argument_unknown: ({ names }) => m.try_argument_unknown({ names: Array.isArray(names) ? names.join(", ") : "" }),
  moment_malformed: () => m.try_moment_malformed(),
};

/** Undefined where no reason is given, or one that this page does not know. */
export function wordsForReason(details: Details = {}): string | undefined {
  return typeof details.reason === "string" && Object.hasOwn(words, details.reason) ? words[details.reason]!(details) : undefined;
}
