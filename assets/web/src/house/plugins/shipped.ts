// What the plugins that come with the house say of themselves, in the reader's language. Their
// manifests say the same in English; one that was edited speaks for itself.
import type { Plugin, PluginSetting } from "../../lib/api/types";
import { m } from "../../lib/paraglide/messages";

type Words = { description: () => string; settings: Record<string, () => string> };

export const shipped: Record<string, Words> = {
  "fair-price": {
    description: m.shipped_fair_price,
    settings: { written_weight: m.shipped_written_weight, cached_weight: m.shipped_cached_weight, usual_gigabytes: m.shipped_usual_gigabytes },
  },
  "office-hours": {
    description: m.shipped_office_hours,
    settings: { days: m.shipped_days, opens: m.shipped_opens, closes: m.shipped_closes, time_zone: m.shipped_time_zone },
  },
  "school-domain": {
    description: m.shipped_school_domain,
    settings: { domains: m.shipped_domains, pupil_domains: m.shipped_pupil_domains, group: m.shipped_group, tokens: m.shipped_tokens },
  },
};

const wordsOf = ({ name, origin }: Plugin) => (origin === "shipped" ? shipped[name] : undefined);

export const descriptionOf = (plugin: Plugin) => wordsOf(plugin)?.description() ?? plugin.description;
export const settingDescription = (plugin: Plugin, setting: PluginSetting) => wordsOf(plugin)?.settings[setting.name]?.() ?? setting.description;
