// A reply as one uninterrupted row of events, whatever the network does: attaches again behind
// the last event seen, leaves out what came before, asks for a snapshot when something is missing.
import { openStream, type StreamRequest } from "../lib/api/client";
import { ApiError } from "../lib/api/error";
import type { NumberedReplyEvent } from "../lib/api/types";
import { backOffMs, pause } from "../lib/retry";
import type { SseEvent } from "../lib/sse";

export interface ReplyStreamOptions {
  /** How the reply begins: asked for with a POST, or already running. */
  begin: { path: string; body: { client_id?: string } & object } | { replyId: string };
  signal: AbortSignal;
  onConnection(state: "open" | "lost"): void;
  open?: (request: StreamRequest) => Promise<AsyncIterable<SseEvent>>;
  wait?: typeof pause;
}

const MOST_TRIES_TO_SEND = 4;

/** Ends after the reply's end; throws ApiError when the server will not have it. */
export async function* replyEvents(options: ReplyStreamOptions): AsyncGenerator<NumberedReplyEvent> {
  const { begin, signal, open = openStream, wait = pause } = options;
  let replyId = "replyId" in begin ? begin.replyId : undefined;
  let lastId: number | undefined;
  let ended = false;
  for (let tries = 0; ; tries++) {
    try {
      const request = replyId ? resume(replyId, lastId, signal) : { ...(begin as { path: string; body: object }), signal };
      const events = await open(request);
      options.onConnection("open");
      for await (const raw of events) {
        const event = decode(raw);
        if (!event) continue;
        tries = 0;
        if (event.event === "started") replyId = event.data.reply.id;
        else if (lastId !== undefined && !replaces(event)) {
          if (event.id <= lastId) continue;
          if ((event.event === "delta" || event.event === "reasoning") && event.id > lastId + 1) {
            lastId = undefined;
            break;
          }
        }
        lastId = event.id;
        ended ||= event.event === "done" || event.event === "failed";
        yield event;
      }
    } catch (error) {
      if (signal.aborted || ended) return;
      if (!worthAnotherTry(error, begin, replyId, tries)) throw error;
    }
    if (ended || signal.aborted) return;
    options.onConnection("lost");
    await wait(backOffMs(tries), signal).catch(() => {});
    if (signal.aborted) return;
  }
}

function resume(replyId: string, lastEventId: number | undefined, signal: AbortSignal): StreamRequest {
  return { path: `/api/v1/replies/${encodeURIComponent(replyId)}/events`, lastEventId, signal };
}

/** Events that carry the whole message, so that they are right wherever they come. */
function replaces(event: NumberedReplyEvent): boolean {
  return event.event === "snapshot" || event.event === "done" || event.event === "failed";
}

function worthAnotherTry(error: unknown, begin: ReplyStreamOptions["begin"], replyId: string | undefined, tries: number): boolean {
  const status = error instanceof ApiError ? error.status : 0;
  if (replyId) return status === 0 || status === 429 || status >= 500;
  // Only a request that carries a client_id may be sent twice.
  return status === 0 && "body" in begin && begin.body.client_id !== undefined && tries < MOST_TRIES_TO_SEND;
}

const KNOWN = new Set(["started", "queued", "prefill", "reasoning", "delta", "snapshot", "done", "failed", "title"]);

function decode(raw: SseEvent): NumberedReplyEvent | undefined {
  if (!KNOWN.has(raw.event)) return undefined;
  return { id: Number(raw.id ?? 0), event: raw.event, data: JSON.parse(raw.data) } as NumberedReplyEvent;
}
