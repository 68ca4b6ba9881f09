// A list that the server gives in pages, as far as it was asked for.
import { ApiError } from "./api/error";

type Page<T> = { items: T[]; next_cursor?: string };

export class Paged<T extends object> {
  items: T[] = $state.raw([]);
  known = $state(false);
  loading = $state(false);
  problem: ApiError | undefined = $state.raw();
  #next: string | undefined = $state();
  #turn = 0;

  constructor(private readonly ask: (cursor?: string) => Promise<Page<T>>) {
    void this.load();
  }

  get hasMore(): boolean {
    return this.#next !== undefined;
  }

  /** From the beginning; what is shown stays until then. */
  async load() {
    await this.#read(undefined);
  }

  async more() {
    if (this.#next !== undefined && !this.loading) await this.#read(this.#next);
  }

  /** Puts what another answer has told in the place of what it is about. */
  learn(fresh: T, same: (item: T) => boolean) {
    this.items = this.items.map((item) => (same(item) ? fresh : item));
  }

  /** Where that leaves nothing to see of a longer list, it is read again. */
  drop(gone: (item: T) => boolean) {
    this.items = this.items.filter((item) => !gone(item));
    if (this.items.length === 0 && this.hasMore) void this.load();
  }

  async #read(cursor: string | undefined) {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const { items, next_cursor } = await this.ask(cursor);
      if (turn !== this.#turn) return;
      this.items = cursor === undefined ? items : [...this.items, ...items];
      this.#next = next_cursor;
      this.known = true;
      this.problem = undefined;
    } catch (error) {
      if (turn === this.#turn) this.problem = ApiError.unreachable(error);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}
