// Sorts conversations under the headings of the list: pinned, then by how long ago.
import type { Conversation } from "../lib/api/types";

export type GroupName = "pinned" | "today" | "yesterday" | "week" | "earlier";
export interface Group {
  name: GroupName;
  items: Conversation[];
}

const ORDER: GroupName[] = ["pinned", "today", "yesterday", "week", "earlier"];

export function byDate(items: Conversation[], now = new Date()): Group[] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const daysBack = (days: number) => new Date(midnight.getFullYear(), midnight.getMonth(), midnight.getDate() - days);
  const [yesterday, week] = [daysBack(1), daysBack(7)];
  const nameOf = (conversation: Conversation): GroupName => {
    if (conversation.pinned) return "pinned";
    const time = new Date(conversation.updated_at);
    if (time >= midnight) return "today";
    if (time >= yesterday) return "yesterday";
    return time >= week ? "week" : "earlier";
  };
  const groups = new Map<GroupName, Conversation[]>(ORDER.map((name) => [name, []]));
  for (const conversation of items) groups.get(nameOf(conversation))!.push(conversation);
  return ORDER.map((name) => ({ name, items: groups.get(name)! })).filter((group) => group.items.length > 0);
}

/** The server's order: pinned first, then the latest. */
export function inOrder(items: Conversation[]): Conversation[] {
  return [...items].sort((a, b) => Number(b.pinned) - Number(a.pinned) || b.updated_at.localeCompare(a.updated_at) || b.id.localeCompare(a.id));
}
