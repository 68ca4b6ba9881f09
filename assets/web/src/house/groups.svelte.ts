// The groups of the house, for whoever shows or chooses them.
import { api, call } from "../lib/api/client";
import { Asked } from "../lib/asked.svelte";

export class Groups {
  readonly asked = new Asked(() => call(api.GET("/admin/groups")));

  /** Those one can be put in: everybody is in that of everybody. */
  get choices(): { id: string; name: string }[] {
    return (this.asked.value?.items ?? []).filter(({ is_everyone }) => !is_everyone).map(({ group }) => group);
  }

  names(ids: string[]): string[] {
    return ids.map((id) => this.choices.find((group) => group.id === id)?.name).filter((name) => name !== undefined);
  }
}
