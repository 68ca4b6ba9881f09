// What all registration keys of one batch have in common, while it is being written down.
import type { KeyTerms as Body, UserRole } from "../lib/api/types";
import { expiryOf } from "../lib/expiry";

export class KeyTerms {
  note = $state("");
  uses = $state("1");
  days = $state("30");
  role: UserRole = $state("user");
  tokens = $state("");
  groupIds: string[] = $state([]);

  body(): Body {
    return {
      note: this.note.trim() || undefined,
      uses_allowed: Number(this.uses),
      expires_at: expiryOf(this.days),
      role: this.role,
      group_ids: this.groupIds,
      tokens: this.tokens === "" ? undefined : Number(this.tokens),
    };
  }
}
