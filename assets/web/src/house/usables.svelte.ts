// What a rule can be about: the models, adapters and features there are, each by its id.
import { api, call } from "../lib/api/client";
import { Asked } from "../lib/asked.svelte";
import type { AccessRule } from "../lib/api/types";
import { m } from "../lib/paraglide/messages";

export type Kind = AccessRule["kind"];
type Choice = { value: string; label: string };

export const kindNames: Partial<Record<Kind, () => string>> = { model: m.kind_model, adapter: m.kind_adapter, feature: m.kind_feature };

const featureNames: Record<string, () => string> = {
  adapters: m.feature_adapters,
  api_keys: m.feature_api_keys,
  completions: m.feature_completions,
};

export class Usables {
  #models = new Asked(async () => (await call(api.GET("/models"))).items);
  #adapters = new Asked(async () => (await call(api.GET("/admin/adapters"))).items);

  constructor(private readonly features: string[]) {}

  /** With `chosen` among them, even where it is no more. */
  of(kind: Kind, chosen: string): Choice[] {
    const choices = this.#named(kind);
    return chosen === "" || choices.some(({ value }) => value === chosen) ? choices : [...choices, { value: chosen, label: chosen }];
  }

  #named(kind: Kind): Choice[] {
    if (kind === "feature") return this.features.map((value) => ({ value, label: featureNames[value]?.() ?? value }));
    const things = kind === "adapter" ? this.#adapters.value : kind === "model" ? this.#models.value : undefined;
    return (things ?? []).map(({ id, name }) => ({ value: id, label: name }));
  }
}
