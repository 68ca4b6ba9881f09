// One answer of the server that a page shows: asked for at once, and again when something changed.
import { ApiError } from "./api/error";

export class Asked<T> {
  value: T | undefined = $state.raw();
  problem: ApiError | undefined = $state.raw();
  #turn = 0;

  constructor(private readonly ask: () => Promise<T>) {
    void this.load();
  }

  /** What is shown stays until the new answer is there. */
  async load() {
    const turn = ++this.#turn;
    try {
      const value = await this.ask();
      if (turn === this.#turn) this.set(value);
    } catch (error) {
      if (turn === this.#turn) this.problem = ApiError.unreachable(error);
    }
  }

  /** Takes in what another answer has told. */
  set(value: T) {
    this.#turn += 1;
    this.value = value;
    this.problem = undefined;
  }
}
