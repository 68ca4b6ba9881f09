// What all the small forms here share: busy while sending, and the words when it went wrong, at
// the field they are about where there is one.
import { tick } from "svelte";
import { ApiError } from "./api/error";
import { wordsFor } from "./problems";

export class Form {
  busy = $state(false);
  problem: string | undefined = $state();
  /** Those that have a place for their own words. */
  #fields = new Set<string>();
  #wrong: { field: string; words: string } | undefined = $state.raw();

  /** What is wrong with this field, if it is this one. */
  wrong(field: string): string | undefined {
    this.#fields.add(field);
    return this.#wrong?.field === field ? this.#wrong.words : undefined;
  }

  clear() {
    this.problem = undefined;
    this.#wrong = undefined;
  }

  /** For `onsubmit`. `words` may say a problem better than the general ones. */
  submit(send: () => Promise<void>, words: (error: unknown) => string | undefined = () => undefined) {
    return async (event: SubmitEvent) => {
      event.preventDefault();
      if (this.busy) return;
      const form = event.currentTarget as HTMLFormElement;
      this.busy = true;
      this.clear();
      try {
        await send();
      } catch (error) {
        this.#tell(error, words(error));
      } finally {
        this.busy = false;
      }
      await tick();
      form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    };
  }

  #tell(error: unknown, words: string | undefined) {
    const field = error instanceof ApiError ? error.field : undefined;
    if (field && this.#fields.has(field) && !words) this.#wrong = { field, words: wordsFor(error) };
    else this.problem = words ?? wordsFor(error);
  }
}
