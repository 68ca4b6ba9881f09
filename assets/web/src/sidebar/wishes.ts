// What somebody asked for and the server may not have heard yet when the page goes away: it is sent
// once more on leaving, and kept for the next page of this tab, which asks for the list only after
// it has said it again. Every wish may be told twice without harm.
import { api, call } from "../lib/api/client";
import type { Conversation } from "../lib/api/types";
import { readStored, writeStored } from "../lib/stored";

const KEY = "chatelaine-wishes";

export type Change = { title?: string; pinned?: boolean; archived?: boolean };
/** Without a change the wish is that the conversation be deleted. */
export type Wish = { id: string; change?: Change };

export function tellChange(id: string, body: Change): Promise<Conversation> {
  return call(api.PATCH("/conversations/{id}", { params: { path: { id } }, body }));
}

export async function tellDeletion(id: string): Promise<void> {
  await call(api.DELETE("/conversations/{id}", { params: { path: { id } } }));
}

/** For a page that goes away and cannot wait. */
export function leaveBehind(wishes: Wish[]) {
  for (const { id, change } of wishes) {
    const method = change ? "PATCH" : "DELETE";
    const headers = { "content-type": "application/json" };
    void fetch(`/api/v1/conversations/${encodeURIComponent(id)}`, { method, headers, body: change && JSON.stringify(change), keepalive: true });
  }
  writeStored("session", KEY, wishes.length > 0 ? JSON.stringify(wishes) : null);
}

/** Tells what the page before in this tab could not wait for. */
export async function tellLeftBehind() {
  const wishes: Wish[] = JSON.parse(readStored("session", KEY) ?? "[]");
  writeStored("session", KEY, null);
  await Promise.allSettled(wishes.map(({ id, change }) => (change ? tellChange(id, change) : tellDeletion(id))));
}
