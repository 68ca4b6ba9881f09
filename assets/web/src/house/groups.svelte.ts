// The groups of the house, for whoever shows or chooses them.
import { api, call } from "../lib/api/client";
import { Asked } from "../lib/asked.svelte";

/** Puts somebody into a group, or takes them out. */
export async function setMember(id: string, user_id: string, isMember: boolean) {
  const request = { params: { path: { id, user_id } } };
  await call(isMember ? api.PUT("/admin/groups/{id}/members/{user_id}", request) : api.DELETE("/admin/groups/{id}/members/{user_id}", request));
}

export class Groups {
  readonly asked = new Asked(() => call(api.GET("/admin/groups")));

  /** Those one can be put in: everybody is in that of everybody. */
  get choices(): { id: string; name: string }[] {
    return (this.asked.value?.items ?? []).filter(({ is_everyone }) => !is_everyone).map(({ group }) => group);
  }

  /** Learns how many are in a group, and nothing else of it anew. */
  count(id: string, member_count: number) {
    const groups = this.asked.value;
    if (groups) this.asked.set({ ...groups, items: groups.items.map((item) => (item.group.id === id ? { ...item, member_count } : item)) });
  }

  names(ids: string[]): string[] {
    return ids.map((id) => this.choices.find((group) => group.id === id)?.name).filter((name) => name !== undefined);
  }
}
