// The conversation on the screen: its shown branch, the reply that is being written, and what
// one can do with them. Leaving it only stops the reading; the reply goes on in the house.
import { tick } from "svelte";
import { api, call } from "../lib/api/client";
import { ApiError } from "../lib/api/error";
import type { AdapterUse, Conversation, Exchange, Message, NumberedReplyEvent } from "../lib/api/types";
import { randomId } from "../lib/ids";
import { Paced } from "../lib/paced";
import { ChosenAdapters } from "./chosen-adapters.svelte";
import { replyEvents, type ReplyStreamOptions } from "./reply-stream";
import { Speedometer } from "./speed";
import { Turn, draftOf, hollowReply } from "./turn.svelte";

type Progress =
  | { is: "sending" | "waiting" | "reconnecting" }
  | { is: "queued"; position: number }
  | { is: "reading"; share: number }
  | { is: "thinking" | "writing"; perSecond?: number };
export type Phase = Progress | { is: "stopping" };

/** Something asked of the server, which may have to be asked again when the screen shows something else. */
interface Attempt {
  /** The message that is on its way, if any, and the place of the reply. */
  fresh: Turn[];
  /** What of the branch stands above. */
  above(branch: Turn[]): Turn[];
  request(branch: Turn[]): { path: string; body: { client_id?: string } & object };
}

export interface ConversationEvents {
  /** The conversation exists now, or changed. */
  changed(conversation: Conversation): void;
  /** The first message made a conversation. */
  created(conversation: Conversation): void;
  /** What was on its way from this conversation (undefined: a new one) has reached the server. */
  accepted(from: string | undefined): void;
  /** Something the reader asked for earlier did not come about. */
  failed(error: unknown): void;
}

export class OpenConversation {
  id: string | undefined = $state();
  info: Conversation | undefined = $state.raw();
  loading = $state(false);
  problem: ApiError | undefined = $state.raw();
  /** The model chosen before there is a conversation to keep it. */
  model: string | undefined = $state();
  /** What goes on top of it. */
  readonly adapters = new ChosenAdapters(
    () => this.info?.adapters,
    (adapters) => this.patch({ adapters }),
  );

  #branch: Turn[] = $state.raw([]);
  /** What did not get through. It stays behind the branch, because nothing else has it. */
  #unsent: Turn[] = $state.raw([]);
  readonly turns = $derived([...this.#branch, ...this.#unsent]);

  #progress: Progress | undefined = $state.raw();
  #stopping = $state(false);
  readonly phase: Phase | undefined = $derived(this.#progress && this.#stopping ? { is: "stopping" } : this.#progress);
  readonly running = $derived(this.#progress !== undefined);

  #events: ConversationEvents;
  #loading: AbortController | undefined;
  #reading: AbortController | undefined;
  #closed = false;
  #waitingText = "";
  #waitingThought = "";
  #speed = new Speedometer();
  #paced = new Paced(() => this.#showWaitingText(), tick);

  constructor(id: string | undefined, events: ConversationEvents) {
    this.id = id;
    this.#events = events;
    if (id) void this.load();
  }

  /** The reply at the end of the branch: the one being written, while there is one. */
  get lastReply(): Turn | undefined {
    const last = this.#branch.at(-1);
    return last?.message.role === "assistant" ? last : undefined;
  }

  /** What the reader said and the server does not have yet. */
  get untaken(): string[] {
    return this.turns.filter((turn) => !turn.taken && turn.message.role === "user").map((turn) => turn.message.content);
  }

  get chosenModel(): string | undefined {
    return this.info?.model ?? this.model;
  }

  /** What is being sent is still sent: the house has to have it before we may go. */
  close() {
    this.#closed = true;
    this.#loading?.abort();
    if (this.#progress?.is !== "sending") this.#reading?.abort();
  }

  /** Reads the shown branch anew and attaches to a reply that is being written. */
  async load(how: { attach: boolean } = { attach: true }) {
    const id = this.id;
    if (!id || this.#closed) return;
    this.#loading?.abort();
    const { signal } = (this.#loading = new AbortController());
    this.loading = this.turns.length === 0;
    // What is read in the middle of an exchange may be older than its end.
    const early = this.running;
    const request = { params: { path: { id } }, signal };
    try {
      const [info, { items }] = await Promise.all([
        call(api.GET("/conversations/{id}", request)),
        call(api.GET("/conversations/{id}/messages", request)),
      ]);
      if (signal.aborted) return;
      this.problem = undefined;
      this.#tell(info);
      if (early || this.running) return;
      this.#showBranch(items);
      const last = items.at(-1);
      if (how.attach && last?.status === "running") void this.#follow({ replyId: last.id });
    } catch (error) {
      if (!signal.aborted) this.problem = ApiError.unreachable(error);
    } finally {
      if (!signal.aborted) this.loading = false;
    }
  }

  /** For news from elsewhere: a reply began in another tab or on another device. */
  notice(replyId: string | undefined) {
    const known = this.turns.some((turn) => turn.message.id === replyId);
    if (!this.running && replyId && !(known && this.lastReply?.message.status === "complete")) void this.load();
  }

  send(content: string) {
    let [clientId, clientIdOf] = [randomId(), this.id];
    const request = (branch: Turn[]) => {
      if (!this.id) return { path: "/api/v1/chat", body: { content, model: this.model, adapters: this.adapters.asked, client_id: clientId } };
      // Within another conversation it is another message.
      if (clientIdOf !== this.id) [clientId, clientIdOf] = [randomId(), this.id];
      return { path: `/api/v1/conversations/${encodeURIComponent(this.id)}/messages`, body: { content, parent_id: branch.at(-1)?.message.id, adapters: this.adapters.asked, client_id: clientId } };
    };
    void this.#try({ fresh: [new Turn(draftOf(content)), new Turn(hollowReply())], above: (branch) => branch, request });
  }

  edit(turn: Turn, content: string) {
    const fresh = [new Turn(draftOf(content, turn.message)), new Turn(hollowReply())];
    const clientId = randomId();
    const body = () => ({ content, adapters: this.adapters.asked, client_id: clientId });
    void this.#try(inPlaceOf(turn.message, fresh, "edit", body));
  }

  regenerate(turn: Turn) {
    void this.#try(inPlaceOf(turn.message, [new Turn(hollowReply(turn.message))], "regenerate", () => ({ adapters: this.adapters.asked })));
  }

  resume(turn: Turn) {
    void this.#try(inPlaceOf(turn.message, [turn], "continue", () => ({})));
  }

  async stop() {
    const reply = this.lastReply?.message;
    if (!reply || !this.running) return;
    this.#stopping = true;
    // Not taken by the server yet: stopped as soon as it is (see #started).
    if (this.#progress?.is === "sending") return;
    try {
      await call(api.POST("/replies/{id}/stop", { params: { path: { id: reply.id } } }));
    } catch (error) {
      this.#stopping = false;
      throw error;
    }
  }

  /** Ends the thinking of the reply that is being written, so that its answer comes. False when the house did not hear it. */
  async answerNow(): Promise<boolean> {
    const reply = this.lastReply?.message;
    if (!reply || this.#progress?.is !== "thinking") return false;
    try {
      await call(api.POST("/replies/{id}/answer", { params: { path: { id: reply.id } } }));
      return true;
    } catch (error) {
      this.#events.failed(error);
      return false;
    }
  }

  /** Shows the branch through this message, down to its newest end. */
  async showBranchOf(messageId: string) {
    await this.patch({ head_id: messageId });
    // Something was said meanwhile: it decides what is shown.
    if (this.#progress?.is === "sending") return;
    this.#reading?.abort();
    this.#progress = undefined;
    await this.load();
  }

  /** Adapters are made for one model: they do not go with another. */
  async chooseModel(model: string) {
    this.adapters.forget();
    if (this.id) await this.patch({ model, adapters: [] });
    else this.model = model;
  }

  async chooseAdapters(adapters: AdapterUse[]) {
    await this.adapters.choose(adapters, this.id !== undefined);
  }

  async patch(body: { title?: string; head_id?: string; model?: string; adapters?: AdapterUse[] }) {
    if (!this.id) return;
    this.#tell(await call(api.PATCH("/conversations/{id}", { params: { path: { id: this.id } }, body })));
  }

  #tell(conversation: Conversation) {
    this.info = conversation;
    this.#events.changed(conversation);
  }

  #showBranch(messages: Message[]) {
    // A version takes the place of the one it stands beside.
    const known = new Map(this.#branch.flatMap((turn) => turn.message.sibling_ids.map((id) => [id, turn])));
    this.#branch = messages.map((message) => known.get(message.id)?.showing(message) ?? new Turn(message));
  }

  /** Asks for a reply. What does not get through leaves the branch as it was, and a way to try again. */
  async #try(attempt: Attempt) {
    const { fresh } = attempt;
    const branch = this.#branch;
    const reply = fresh.at(-1)!;
    const stood = reply.message;
    reply.message = { ...stood, status: "running", error: undefined };
    for (const turn of fresh) turn.unsent = undefined;
    this.#unsent = this.#unsent.filter((turn) => !fresh.includes(turn));
    this.#branch = [...attempt.above(branch), ...fresh];
    this.#loading?.abort();
    const { path, body } = attempt.request(branch);
    const begin = { path, body: { ...body, stream: true } };
    try {
      await this.#follow(begin, fresh);
      if (!this.running && !this.#isOneBranch) await this.load();
    } catch (error) {
      const problem = ApiError.unreachable(error);
      reply.message = stood;
      for (const turn of fresh) turn.unsent = { problem, again: () => void this.#try(attempt) };
      this.#branch = branch;
      this.#unsent = [...this.#unsent, ...fresh.filter((turn) => !branch.includes(turn))];
      // Perhaps the whole conversation is no more.
      if (problem.code === "not_found") await this.load();
    }
  }

  /** Not so when something was asked for again after another branch had come to the screen. */
  get #isOneBranch(): boolean {
    return this.#branch.every(({ message }, index) => message.parent_id === this.#branch[index - 1]?.message.id);
  }

  /** Reads a reply to its end, into the last of `fresh` if it is asked for now. Rejects only while the server has not taken the request. */
  async #follow(begin: ReplyStreamOptions["begin"], fresh: Turn[] = []) {
    this.#reading?.abort();
    const reading = (this.#reading = new AbortController());
    const mine = () => this.#reading === reading && !reading.signal.aborted;
    let taken = "replyId" in begin;
    const onConnection = (state: "open" | "lost") => {
      if (mine() && taken) this.#progress = { is: state === "lost" ? "reconnecting" : "waiting" };
    };
    this.#progress = { is: taken ? "waiting" : "sending" };
    this.#stopping = false;
    this.#speed = new Speedometer();
    this.#waitingText = this.#waitingThought = "";
    try {
      for await (const event of replyEvents({ begin, signal: reading.signal, onConnection })) {
        taken = true;
        if (event.event === "title") this.#titled(event.data.conversation);
        else if (mine()) this.#apply(event, fresh);
      }
    } catch (error) {
      if (!mine()) return;
      this.#progress = undefined;
      if (!taken) throw error;
      await this.load({ attach: false });
    }
    if (mine()) this.#progress = undefined;
  }

  #apply(event: NumberedReplyEvent, fresh: Turn[]) {
    if (event.event === "delta" || event.event === "reasoning") return this.#append(event);
    this.#paced.flush();
    switch (event.event) {
      case "started":
        this.#started(event.data, fresh);
        break;
      case "queued":
        this.#progress = { is: "queued", position: event.data.position };
        break;
      case "prefill":
        this.#progress = { is: "reading", share: event.data.total ? event.data.done / event.data.total : 0 };
        break;
      case "snapshot":
        this.#replaceReply(event.data.message);
        break;
      case "done":
      case "failed":
        this.#replaceReply(event.data.message);
        this.#progress = undefined;
        // The stream may stay open for the title; nothing else is expected of it.
        this.#reading = undefined;
        if (this.info) this.#tell({ ...this.info, running_reply_id: undefined, head_id: event.data.message.id });
    }
  }

  #titled(conversation: Conversation) {
    this.#tell({ ...conversation, running_reply_id: this.running ? this.info?.running_reply_id : undefined });
  }

  #started({ conversation, message, reply }: Exchange, fresh: Turn[]) {
    const from = this.id;
    this.id = conversation.id;
    const [answer, asked] = [fresh.at(-1), fresh.at(-2)];
    if (asked) asked.message = message;
    if (answer) answer.message = reply;
    this.#progress = { is: "waiting" };
    if (this.#stopping) this.stop().catch(this.#events.failed);
    this.#tell({ ...conversation, running_reply_id: reply.id });
    this.#events.accepted(from);
    if (from === undefined) {
      this.adapters.keptBy(conversation.adapters).catch(this.#events.failed);
      this.#events.created(conversation);
    }
    if (this.#closed) this.#reading?.abort();
  }

  #append({ event, data }: { event: "delta" | "reasoning"; data: { text: string } }) {
    if (event === "delta") this.#waitingText += data.text;
    else this.#waitingThought += data.text;
    this.#speed.tick(performance.now());
    this.#paced.request();
  }

  #showWaitingText() {
    const reply = this.lastReply;
    const [text, thought] = [this.#waitingText, this.#waitingThought];
    if (!reply || text + thought === "") return;
    const { content, reasoning = "" } = reply.message;
    reply.message = { ...reply.message, content: content + text, reasoning: reasoning + thought || undefined };
    this.#waitingText = this.#waitingThought = "";
    if (!this.#progress) return;
    const perSecond = this.#speed.perSecond(performance.now());
    this.#progress = { is: reply.message.content === "" ? "thinking" : "writing", perSecond };
  }

  #replaceReply(message: Message) {
    this.#waitingText = this.#waitingThought = "";
    const reply = this.#branch.find((turn) => turn.message.id === message.id);
    if (reply) reply.message = message;
  }
}

/** Asks for something beside or instead of a message that is there. */
function inPlaceOf(old: Message, fresh: Turn[], action: "edit" | "regenerate" | "continue", body: () => object): Attempt {
  const above = (branch: Turn[]) => {
    const parent = branch.findIndex((turn) => turn.message.id === old.parent_id);
    return parent < 0 && old.parent_id !== undefined ? branch : branch.slice(0, parent + 1);
  };
  return { fresh, above, request: () => ({ path: `/api/v1/messages/${encodeURIComponent(old.id)}/${action}`, body: body() }) };
}
