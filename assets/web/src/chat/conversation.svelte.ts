// The conversation on the screen: its shown branch, the reply that is being written, and what
// one can do with them. Leaving it only stops the reading; the reply goes on in the house.
import { tick } from "svelte";
import { api, call } from "../lib/api/client";
import { ApiError } from "../lib/api/error";
import type { Conversation, Message, NumberedReplyEvent } from "../lib/api/types";
import { randomId } from "../lib/ids";
import { Paced } from "../lib/paced";
import { replyEvents, type ReplyStreamOptions } from "./reply-stream";
import { Speedometer } from "./speed";
import { Turn, draftOf, hollowReply } from "./turn.svelte";

export type Phase =
  | { is: "sending" | "waiting" | "reconnecting" | "stopping" }
  | { is: "queued"; position: number }
  | { is: "reading"; share: number }
  | { is: "writing"; perSecond?: number };

export interface ConversationEvents {
  /** The conversation exists now, or changed. */
  changed(conversation: Conversation): void;
  /** The first message made a conversation. */
  created(conversation: Conversation): void;
  /** A message typed in this conversation (undefined: a new one) reached the server, so its draft can go. */
  accepted(from: string | undefined): void;
}

export class OpenConversation {
  id: string | undefined = $state();
  info: Conversation | undefined = $state.raw();
  turns: Turn[] = $state.raw([]);
  loading = $state(false);
  problem: ApiError | undefined = $state.raw();
  phase: Phase | undefined = $state.raw();
  /** The model chosen before there is a conversation to keep it. */
  model: string | undefined = $state();

  #events: ConversationEvents;
  #reading: AbortController | undefined;
  #leaving = false;
  #waitingText = "";
  #speed = new Speedometer();
  #paced = new Paced(() => this.#showWaitingText(), tick);

  constructor(id: string | undefined, events: ConversationEvents) {
    this.id = id;
    this.#events = events;
    if (id) void this.load();
  }

  get running(): boolean {
    return this.phase !== undefined;
  }

  get lastReply(): Turn | undefined {
    const last = this.turns.at(-1);
    return last?.message.role === "assistant" ? last : undefined;
  }

  get chosenModel(): string | undefined {
    return this.info?.model ?? this.model;
  }

  /** What is being sent is still sent: the house has to have it before we may go. */
  close() {
    if (this.phase?.is === "sending") this.#leaving = true;
    else this.#reading?.abort();
  }

  /** Reads the shown branch anew and attaches to a reply that is being written. */
  async load(how: { attach: boolean } = { attach: true }) {
    const id = this.id;
    if (!id) return;
    this.loading = this.turns.length === 0;
    const path = { params: { path: { id } } };
    try {
      const [info, { items }] = await Promise.all([
        call(api.GET("/conversations/{id}", path)),
        call(api.GET("/conversations/{id}/messages", path)),
      ]);
      this.problem = undefined;
      this.#tell(info);
      if (this.running && this.#reading && !this.#reading.signal.aborted) return;
      this.#showBranch(items);
      const last = items.at(-1);
      if (how.attach && last?.status === "running") void this.#follow({ replyId: last.id });
    } catch (error) {
      this.problem = ApiError.unreachable(error);
    } finally {
      this.loading = false;
    }
  }

  /** For news from elsewhere: a reply began in another tab or on another device. */
  notice(replyId: string | undefined) {
    const known = this.turns.some((turn) => turn.message.id === replyId);
    if (!this.running && replyId && !(known && this.lastReply?.message.status === "complete")) void this.load();
  }

  send(content: string) {
    const parent = this.turns.at(-1)?.message.id;
    const body = { content, parent_id: this.id ? parent : undefined, model: this.id ? undefined : this.model, client_id: randomId() };
    const path = this.id ? `/api/v1/conversations/${this.id}/messages` : "/api/v1/chat";
    this.#begin(this.turns, [new Turn(draftOf(content, parent)), new Turn(hollowReply())], path, body);
  }

  edit(turn: Turn, content: string) {
    const before = this.turns.slice(0, this.turns.indexOf(turn));
    const fresh = [new Turn({ ...turn.message, content }), new Turn(hollowReply())];
    const body = { content, client_id: randomId() };
    this.#begin(before, fresh, `/api/v1/messages/${turn.message.id}/edit`, body);
  }

  regenerate(turn: Turn) {
    const before = this.turns.slice(0, this.turns.indexOf(turn));
    this.#begin(before, [new Turn(hollowReply(turn.message))], `/api/v1/messages/${turn.message.id}/regenerate`, {});
  }

  resume(turn: Turn) {
    const before = this.turns.slice(0, this.turns.indexOf(turn));
    turn.message = { ...turn.message, status: "running", error: undefined };
    this.#begin(before, [turn], `/api/v1/messages/${turn.message.id}/continue`, {});
  }

  async stop() {
    const reply = this.lastReply?.message;
    if (!this.running || !reply) return;
    this.phase = { is: "stopping" };
    // Not taken by the server yet: stopped as soon as it is (see #started).
    if (reply.id.startsWith("local-")) return;
    await call(api.POST("/replies/{id}/stop", { params: { path: { id: reply.id } } }));
  }

  /** Shows the branch through this message, down to its newest end. */
  async showBranchOf(messageId: string) {
    await this.patch({ head_id: messageId });
    this.#reading?.abort();
    this.phase = undefined;
    await this.load();
  }

  async chooseModel(model: string) {
    if (this.id) await this.patch({ model });
    else this.model = model;
  }

  async patch(body: { title?: string; head_id?: string; model?: string }) {
    if (!this.id) return;
    this.#tell(await call(api.PATCH("/conversations/{id}", { params: { path: { id: this.id } }, body })));
  }

  #tell(conversation: Conversation) {
    this.info = conversation;
    this.#events.changed(conversation);
  }

  #showBranch(messages: Message[]) {
    const known = new Map(this.turns.map((turn) => [turn.message.id, turn]));
    this.turns = messages.map((message) => known.get(message.id)?.showing(message) ?? new Turn(message));
  }

  #begin(before: Turn[], fresh: Turn[], path: string, body: { client_id?: string } & object) {
    const shown = this.turns;
    this.turns = [...before, ...fresh];
    this.phase = { is: "sending" };
    const begin = { path, body: { ...body, stream: true } };
    const start = () => void this.#follow(begin).catch((error) => this.#failedToBegin(error, shown, start));
    start();
  }

  /** The server has not taken it: say so where the reply would stand, with a way to try again. */
  #failedToBegin(error: unknown, shown: Turn[], start: () => void) {
    const reply = this.lastReply;
    if (!reply) return;
    const { code, message } = ApiError.unreachable(error);
    const wasThere = shown.includes(reply);
    reply.message = { ...reply.message, status: "failed", error: { code, message } };
    reply.again = () => {
      reply.again = undefined;
      if (!wasThere) reply.message = hollowReply(reply.message);
      this.phase = { is: "sending" };
      start();
    };
  }

  /** Reads a reply to its end. Rejects only while the server has not taken the request. */
  async #follow(begin: ReplyStreamOptions["begin"]) {
    this.#reading?.abort();
    const reading = (this.#reading = new AbortController());
    const mine = () => this.#reading === reading && !reading.signal.aborted;
    const connection = (state: "open" | "lost") => {
      if (!mine() || this.phase?.is === "stopping") return;
      if (state === "lost") this.phase = { is: "reconnecting" };
      else if (this.phase?.is !== "sending") this.phase = { is: "waiting" };
    };
    let taken = "replyId" in begin;
    this.phase ??= { is: "waiting" };
    this.#speed = new Speedometer();
    this.#waitingText = "";
    try {
      for await (const event of replyEvents({ begin, signal: reading.signal, onConnection: connection })) {
        taken = true;
        if (event.event === "title") this.#titled(event.data.conversation);
        else if (mine()) this.#apply(event);
      }
    } catch (error) {
      if (!mine()) return;
      this.phase = undefined;
      if (!taken) throw error;
      await this.load({ attach: false });
    }
    if (mine()) this.phase = undefined;
  }

  #apply(event: NumberedReplyEvent) {
    if (event.event === "delta") return this.#append(event.data.text);
    this.#paced.flush();
    const stopping = this.phase?.is === "stopping";
    switch (event.event) {
      case "started":
        this.#started(event.data.conversation, event.data.message, event.data.reply);
        break;
      case "queued":
        if (!stopping) this.phase = { is: "queued", position: event.data.position };
        break;
      case "prefill":
        if (!stopping) this.phase = { is: "reading", share: event.data.total ? event.data.done / event.data.total : 0 };
        break;
      case "snapshot":
        this.#replaceReply(event.data.message);
        break;
      case "done":
      case "failed":
        this.#replaceReply(event.data.message);
        this.phase = undefined;
        // The stream may stay open for the title; nothing else is expected of it.
        this.#reading = undefined;
        if (this.info) this.#tell({ ...this.info, running_reply_id: undefined, head_id: event.data.message.id });
    }
  }

  #titled(conversation: Conversation) {
    this.#tell({ ...conversation, running_reply_id: this.running ? this.info?.running_reply_id : undefined });
  }

  #started(conversation: Conversation, message: Message, reply: Message) {
    const isNew = this.id === undefined;
    this.id = conversation.id;
    const [asked, answer] = this.turns.slice(-2);
    if (asked?.message.role === "user") asked.message = message;
    if (answer) answer.message = reply;
    if (this.phase?.is === "stopping") void this.stop();
    else this.phase = { is: "waiting" };
    this.#tell({ ...conversation, running_reply_id: reply.id });
    this.#events.accepted(isNew ? undefined : conversation.id);
    if (isNew) this.#events.created(conversation);
    if (this.#leaving) this.#reading?.abort();
  }

  #append(text: string) {
    this.#waitingText += text;
    this.#speed.tick(performance.now());
    this.#paced.request();
  }

  #showWaitingText() {
    const reply = this.lastReply;
    if (!reply || this.#waitingText === "") return;
    reply.message = { ...reply.message, content: reply.message.content + this.#waitingText };
    this.#waitingText = "";
    if (this.phase && this.phase.is !== "stopping") this.phase = { is: "writing", perSecond: this.#speed.perSecond(performance.now()) };
  }

  #replaceReply(message: Message) {
    this.#waitingText = "";
    const reply = this.turns.find((turn) => turn.message.id === message.id);
    if (reply) reply.message = message;
  }
}
