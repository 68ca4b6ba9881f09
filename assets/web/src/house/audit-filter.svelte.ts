// Which entries of the audit log somebody wants to see.
import { beginningOf, endOf } from "../lib/days";

export class AuditFilter {
  words = $state("");
  actor = $state("");
  action = $state("");
  /** Days, e.g. `2027-01-31`; both count. */
  since = $state("");
  until = $state("");

  get isEmpty(): boolean {
    return Object.values(this.query()).every((value) => value === undefined);
  }

  clear() {
    this.words = this.actor = this.action = this.since = this.until = "";
  }

  /** As the server is asked. */
  query() {
    return {
      q: this.words.trim() || undefined,
      actor: this.actor.trim() || undefined,
      action: this.action.trim() || undefined,
      since: beginningOf(this.since),
      until: endOf(this.until),
    };
  }
}
