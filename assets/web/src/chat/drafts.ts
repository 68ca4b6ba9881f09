// What is typed and what is on its way, kept per conversation for as long as the tab lives: whatever
// the server does not have is in the composer when one comes back.
import { readStored, writeStored } from "../lib/stored";

const typedIn = (conversation: string | undefined) => `chatelaine-draft:${conversation ?? "new"}`;
const sentFrom = (conversation: string | undefined) => `chatelaine-unsent:${conversation ?? "new"}`;
const joined = (texts: (string | null)[]) => texts.filter(Boolean).join("\n\n");
const keep = (key: string, text: string) => writeStored("session", key, text === "" ? null : text);

export function readDraft(conversation: string | undefined): string {
  return joined([readStored("session", sentFrom(conversation)), readStored("session", typedIn(conversation))]);
}

export function keepDraft(conversation: string | undefined, text: string) {
  keep(typedIn(conversation), text);
}

export function keepUnsent(conversation: string | undefined, texts: string[]) {
  keep(sentFrom(conversation), joined(texts));
}

export function forgetUnsent(conversation: string | undefined) {
  keepUnsent(conversation, []);
}

/** For a conversation that is no more: what was typed in it goes to the next new one. */
export function carryDraft(conversation: string) {
  keepDraft(undefined, joined([readDraft(undefined), readDraft(conversation)]));
  keepDraft(conversation, "");
  forgetUnsent(conversation);
}
