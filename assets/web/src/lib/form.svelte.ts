// What all the small forms here share: busy while sending, and the words when it went wrong, at
// the field they are about where there is one.
import { tick } from "svelte";
import { ApiError } from "./api/error";
import { wordsFor } from "./problems";

export class Form {
  busy = $state(false);
  #problem: unknown = $state.raw();
  /** Those that have a place for their own words. */
  #fields = new Set<string>();
  #wrong: ApiError | undefined = $state.raw();

  /** What went wrong and belongs to no field; like all words, in the language of the moment. */
  get problem(): string | undefined {
    return this.#problem === undefined ? undefined : wordsFor(this.#problem);
  }

  /** What is wrong with this field, if it is this one. */
  wrong(field: string): string | undefined {
    this.#fields.add(field);
    return this.#wrong?.field === field ? wordsFor(this.#wrong) : undefined;
  }

  clear() {
    this.#problem = undefined;
    this.#wrong = undefined;
  }

  /** For `onsubmit`. */
  submit(send: () => Promise<void>) {
    return async (event: SubmitEvent) => {
      event.preventDefault();
      if (this.busy) return;
      const form = event.currentTarget as HTMLFormElement;
      this.busy = true;
      this.clear();
      try {
        await send();
      } catch (error) {
        this.#tell(error);
      } finally {
        this.busy = false;
      }
      await tick();
      form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    };
  }

  #tell(error: unknown) {
    if (error instanceof ApiError && error.field && this.#fields.has(error.field)) this.#wrong = error;
    else this.#problem = error ?? {};
  }
}
