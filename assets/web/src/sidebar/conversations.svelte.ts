// The list of conversations: pages as far as they were asked for, kept in order while things change.
import { api, call } from "../lib/api/client";
import { ApiError } from "../lib/api/error";
import type { Conversation } from "../lib/api/types";
import { inOrder } from "./groups";
import { leaveBehind, tellChange, tellDeletion, tellLeftBehind, type Change } from "./wishes";

const UNDO_MS = 6000;

export class ConversationList {
  items: Conversation[] = $state.raw([]);
  archived = $state(false);
  loading = $state(false);
  problem: ApiError | undefined = $state.raw();
  #next: string | undefined = $state();
  /** Shown as done and not yet answered. */
  #changing = new Set<{ id: string; change: Change }>();
  #leaving = new Map<string, { conversation: Conversation; timer: ReturnType<typeof setTimeout> }>();
  /** What has come with the pages up to `#next`, in one row without a gap. */
  #paged = new Set<string>();
  #turn = 0;

  get hasMore(): boolean {
    return this.#next !== undefined;
  }

  async show(archived: boolean) {
    this.archived = archived;
    this.items = [];
    this.#next = undefined;
    this.#paged.clear();
    await this.refresh();
  }

  /** Reads the first page anew; what was read behind it stays. */
  async refresh() {
    const turn = ++this.#turn;
    this.loading = this.items.length === 0;
    try {
      const { items: page, next_cursor } = await this.#page();
      if (turn !== this.#turn) return;
      const last = next_cursor === undefined ? undefined : page.at(-1);
      const behind = last ? this.items.filter((item) => inOrder([item, last])[0] === last && item.id !== last.id) : [];
      const fresh = new Set(page.map((item) => item.id));
      const kept = behind.filter((item) => !fresh.has(item.id));
      if (!last || !this.#paged.has(last.id)) {
        this.#next = next_cursor;
        this.#paged.clear();
      }
      for (const { id } of page) this.#paged.add(id);
      this.items = inOrder(this.#present([...page, ...kept]));
      this.problem = undefined;
    } catch (error) {
      if (turn === this.#turn) this.problem = ApiError.unreachable(error);
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }

  async more() {
    if (this.#next === undefined || this.loading) return;
    const turn = this.#turn;
    this.loading = true;
    try {
      const { items, next_cursor } = await this.#page(this.#next);
      if (turn !== this.#turn) return;
      this.#next = next_cursor;
      for (const { id } of items) this.#paged.add(id);
      this.#merge(items);
    } catch (error) {
      this.problem = ApiError.unreachable(error);
    } finally {
      this.loading = false;
    }
  }

  /** Takes in what somebody else on the page learned about a conversation. */
  learn(conversation: Conversation) {
    if (this.#leaving.has(conversation.id)) return;
    if (conversation.archived === this.archived) this.#merge([conversation]);
    else this.#drop(conversation.id);
  }

  async change(id: string, change: Change) {
    const before = this.items.find((item) => item.id === id);
    const wish = { id, change };
    this.#changing.add(wish);
    if (before) this.learn({ ...before, ...change });
    try {
      const answer = await tellChange(id, change);
      this.#changing.delete(wish);
      this.learn(answer);
    } catch (error) {
      this.#changing.delete(wish);
      if (before) this.learn(before);
      throw error;
    }
  }

  /** Takes it out of sight now and deletes it soon. Returns what brings it back until then. */
  deleteSoon(conversation: Conversation, onFailure: (error: ApiError) => void): () => void {
    const { id } = conversation;
    const timer = setTimeout(() => void this.#delete(id).catch(onFailure), UNDO_MS);
    this.#leaving.set(id, { conversation, timer });
    this.#drop(id);
    return () => {
      clearTimeout(timer);
      if (this.#leaving.delete(id)) this.learn(conversation);
    };
  }

  /** Does now what was to be done soon, while it can be waited for. */
  async settle() {
    await Promise.all([...this.#leaving.keys()].map((id) => this.#delete(id)));
  }

  /** The page goes away: what was to be done soon is done now. */
  leave() {
    for (const { timer } of this.#leaving.values()) clearTimeout(timer);
    leaveBehind([...this.#changing, ...[...this.#leaving.keys()].map((id) => ({ id }))]);
    this.#leaving.clear();
  }

  /** The first reading of a page: what the one before could not wait for comes first. */
  async arrive() {
    await tellLeftBehind();
    await this.show(false);
  }

  /** Which conversations have a reply being written, as the server says now. Returns whether one has ended. */
  markRunning(replyOf: Map<string, string>): boolean {
    const ended = this.items.some((item) => item.running_reply_id && !replyOf.has(item.id));
    const changed = this.items.some((item) => item.running_reply_id !== replyOf.get(item.id));
    if (changed) this.items = this.items.map((item) => ({ ...item, running_reply_id: replyOf.get(item.id) }));
    return ended;
  }

  async #delete(id: string) {
    const leaving = this.#leaving.get(id);
    clearTimeout(leaving?.timer);
    try {
      await tellDeletion(id);
      this.#leaving.delete(id);
    } catch (error) {
      this.#leaving.delete(id);
      if (error instanceof ApiError && error.status === 404) return;
      if (leaving) this.learn(leaving.conversation);
      throw error;
    }
  }

  #page(cursor?: string) {
    return call(api.GET("/conversations", { params: { query: { cursor, limit: 50, archived: this.archived } } }));
  }

  /** What the server said, as it will be when it has heard everything. */
  #present(items: Conversation[]) {
    const here = items.filter((item) => !this.#leaving.has(item.id));
    if (this.#changing.size === 0) return here;
    const changed = here.map((item) => [...this.#changing].reduce((now, { id, change }) => (id === item.id ? { ...now, ...change } : now), item));
    return changed.filter((item) => item.archived === this.archived);
  }

  #merge(items: Conversation[]) {
    const fresh = new Map(items.map((item) => [item.id, item]));
    this.items = inOrder(this.#present([...this.items.filter((item) => !fresh.has(item.id)), ...items]));
  }

  #drop(id: string) {
    this.items = this.items.filter((item) => item.id !== id);
  }
}
