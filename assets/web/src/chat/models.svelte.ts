// The models of the house, and which one is meant when nobody has chosen.
import { api, call } from "../lib/api/client";
import { ApiError } from "../lib/api/error";
import type { Model } from "../lib/api/types";

const AGAIN_MS = 2500;

export class Models {
  items: Model[] = $state.raw([]);
  known = $state(false);
  problem: ApiError | undefined = $state.raw();
  #standard: string | undefined = $state();
  #again: ReturnType<typeof setTimeout> | undefined;

  async load() {
    clearTimeout(this.#again);
    try {
      const { items, default_model } = await call(api.GET("/models"));
      this.items = items;
      this.#standard = default_model;
      this.known = true;
      this.problem = undefined;
      if (items.some((model) => model.state === "probing" || model.state === "loading")) this.#again = setTimeout(() => void this.load(), AGAIN_MS);
    } catch (error) {
      this.problem = ApiError.unreachable(error);
    }
  }

  close() {
    clearTimeout(this.#again);
  }

  /** The model a message would go to: the chosen one, else the house's, else the first that works. */
  meant(chosen: string | undefined): Model | undefined {
    const named = (id: string | undefined) => this.items.find((model) => model.id === id);
    return named(chosen) ?? named(this.#standard) ?? this.items.find((model) => model.state !== "unusable");
  }

  get noneUsable(): boolean {
    return this.known && !this.items.some((model) => model.state !== "unusable");
  }
}
