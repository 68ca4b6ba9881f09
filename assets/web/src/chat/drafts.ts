// What is typed but not sent, kept per conversation for as long as the tab lives.
import { readStored, writeStored } from "../lib/stored";

const key = (conversation: string | undefined) => `chatelaine-draft:${conversation ?? "new"}`;

export function readDraft(conversation: string | undefined): string {
  return readStored("session", key(conversation)) ?? "";
}

export function keepDraft(conversation: string | undefined, text: string) {
  writeStored("session", key(conversation), text === "" ? null : text);
}

/** For a conversation that is no more: what was typed in it goes to the next new one. */
export function carryDraft(conversation: string) {
  keepDraft(undefined, [readDraft(undefined), readDraft(conversation)].filter(Boolean).join("\n\n"));
  forgetDraft(conversation);
}

export function forgetDraft(conversation: string | undefined) {
  writeStored("session", key(conversation), null);
}
