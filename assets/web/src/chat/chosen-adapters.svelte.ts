// Which adapters are chosen for a conversation: what was just asked for, else what the server keeps.
// One is told to the server after the other, so that the last word is the one that stays.
import type { AdapterUse } from "../lib/api/types";

export class ChosenAdapters {
  /** Not answered yet, or there is no conversation to keep it. */
  #asked: AdapterUse[] | undefined = $state.raw();
  #telling = false;

  constructor(
    private readonly kept: () => AdapterUse[] | undefined,
    private readonly tell: (adapters: AdapterUse[]) => Promise<void>,
  ) {}

  get all(): AdapterUse[] {
    return this.asked ?? [];
  }

  /** For a request; undefined when there is nothing to say. */
  get asked(): AdapterUse[] | undefined {
    return this.#asked ?? this.kept();
  }

  /** Without a conversation this is all; with one the server is told. */
  async choose(adapters: AdapterUse[], hasConversation: boolean) {
    this.#asked = adapters;
    if (hasConversation) await this.#tellAll();
  }

  /** What is not told on its own because it goes with something else. */
  forget() {
    this.#asked = undefined;
  }

  /** There is a conversation now, and this is what it keeps. */
  async keptBy(adapters: AdapterUse[] | undefined) {
    if (same(this.#asked ?? [], adapters ?? [])) this.forget();
    else await this.#tellAll();
  }

  async #tellAll() {
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let told: AdapterUse[] | undefined; this.#asked && told !== this.#asked; ) {
        told = this.#asked;
        await this.tell(told);
      }
    } finally {
      this.#telling = false;
      this.#asked = undefined;
    }
  }
}

function same(some: AdapterUse[], others: AdapterUse[]): boolean {
  return some.length === others.length && some.every(({ id, scale }, index) => others[index]!.id === id && others[index]!.scale === scale);
}
