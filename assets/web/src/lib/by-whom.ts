// Who did something, as the log and the ledger name them, in words.
import { m } from "./paraglide/messages";

/** Those who have no account. */
const nameless: Record<string, () => string> = {
  "(command line)": m.by_command_line,
  "(mailed link)": m.by_mailed_link,
  "(nobody)": m.by_nobody,
  "(house)": m.by_house,
};

export const byWhom = (name: string) => nameless[name]?.() ?? m.by_name({ name });
