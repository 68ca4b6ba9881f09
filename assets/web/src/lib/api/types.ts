// The shapes of the interface under short names, and the events of a reply's stream.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type User = Schemas["User"];
export type UserRole = Schemas["UserRole"];
export type Session = Schemas["Session"];
export type ApiKey = Schemas["ApiKey"];
export type ApiKeyScope = Schemas["ApiKeyScope"];
export type AuditEntry = Schemas["AuditEntry"];
export type Notice = Schemas["Notice"];
export type Me = Schemas["Me"];
export type RegistrationState = Schemas["RegistrationState"];
export type Person = Schemas["Person"];
export type GroupListItem = Schemas["GroupListItem"];
export type AccessRule = Schemas["AccessRule"];
export type RegistrationKey = Schemas["RegistrationKey"];
export type KeyTerms = Schemas["KeyTerms"];
export type RegistrationKeyState = Schemas["RegistrationKeyState"];
export type RequestListItem = Schemas["RequestListItem"];
export type RequestWish = Schemas["RequestWish"];
export type Allowance = Schemas["Allowance"];
export type AllowanceRules = Schemas["AllowanceRules"];
export type UpdateTokens = Schemas["UpdateTokens"];
export type TokenEntry = Schemas["TokenEntry"];
export type MailSettings = Schemas["MailSettings"];
export type QueuedMail = Schemas["QueuedMail"];
export type Overview = Schemas["Overview"];
export type Plugin = Schemas["Plugin"];
export type PluginError = Schemas["PluginError"];
export type PluginSetting = Schemas["PluginSetting"];
export type PluginTest = Schemas["PluginTest"];
export type PluginWithSource = Schemas["PluginWithSource"];
export type Settings = Schemas["Settings"];
export type Model = Schemas["Model"];
export type Conversation = Schemas["Conversation"];
export type Message = Schemas["Message"];
export type AdapterUse = Schemas["AdapterUse"];
export type Exchange = Schemas["Exchange"];
export type Problem = { code: string; message: string };

/** What a reply's event stream says (docs/API.md); a stream has no typed form in OpenAPI 3.0. */
export type ReplyEvent =
  | { event: "started"; data: Exchange }
  | { event: "queued"; data: { position: number; eta_ms?: number } }
  | { event: "prefill"; data: { done: number; total: number } }
  | { event: "reasoning"; data: { text: string } }
  | { event: "delta"; data: { text: string } }
  | { event: "snapshot"; data: { message: Message } }
  | { event: "done"; data: { message: Message } }
  | { event: "failed"; data: { message: Message; error: Problem } }
  | { event: "title"; data: { conversation: Conversation } };

export type NumberedReplyEvent = ReplyEvent & { id: number };
