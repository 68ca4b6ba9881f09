// What an API key can be good for, in words.
import type { ApiKeyScope } from "../lib/api/types";
import { m } from "../lib/paraglide/messages";

export const scopeNames: Record<ApiKeyScope, () => string> = {
  chat: m.scope_chat,
  read: m.scope_read,
  admin: m.scope_admin,
};

export const scopeHints: Record<ApiKeyScope, () => string> = {
  chat: m.scope_chat_hint,
  read: m.scope_read_hint,
  admin: m.scope_admin_hint,
};
