import { describe, expect, it } from "vitest";
import type { StreamRequest } from "../lib/api/client";
import { ApiError } from "../lib/api/error";
import type { NumberedReplyEvent } from "../lib/api/types";
import type { SseEvent } from "../lib/sse";
import { replyEvents, type ReplyStreamOptions } from "./reply-stream";

const sse = (id: number, event: string, data: object): SseEvent => ({ id: String(id), event, data: JSON.stringify(data) });
const started = sse(0, "started", { reply: { id: "r1", content: "" } });
const delta = (id: number, text: string) => sse(id, "delta", { text });
const snapshot = (id: number, content: string) => sse(id, "snapshot", { message: { content } });
const done = (id: number, content: string) => sse(id, "done", { message: { content } });

type Step = (SseEvent | Error)[] | Error;

/** Plays one step for each connection; an Error in a step breaks it there. */
async function play(steps: Step[], begin: ReplyStreamOptions["begin"]) {
  const requests: StreamRequest[] = [];
  const seen: NumberedReplyEvent[] = [];
  const stream = replyEvents({
    begin,
    signal: new AbortController().signal,
    onConnection: () => {},
    wait: async () => {},
    open: async (request) => {
      requests.push(request);
      const step = steps[requests.length - 1];
      if (!step) throw new Error("one connection too many");
      if (step instanceof Error) throw step;
      return (async function* () {
        for (const event of step) {
          if (event instanceof Error) throw event;
          yield event;
        }
      })();
    },
  });
  for await (const event of stream) seen.push(event);
  return { requests, text: textOf(seen) };
}

function textOf(events: NumberedReplyEvent[]): string {
  return events.reduce((text, { event, data }) => {
    if (event === "delta") return text + data.text;
    if (event === "snapshot" || event === "done") return data.message.content;
    return text;
  }, "");
}

const send = { path: "/api/v1/chat", body: { content: "hi", client_id: "c1" } };

describe("replyEvents", () => {
  it("passes a whole reply on and ends", async () => {
    const { requests, text } = await play([[started, delta(1, "a"), delta(2, "b"), done(3, "ab")]], send);
    expect(text).toBe("ab");
    expect(requests).toHaveLength(1);
  });

  it("attaches behind the last event when the stream breaks or ends early", async () => {
    const steps = [[started, delta(1, "a"), new Error("cut")], [delta(2, "b")], [delta(3, "c"), done(4, "abc")]];
    const { requests, text } = await play(steps, send);
    expect(text).toBe("abc");
    expect(requests.map((r) => [r.path, r.lastEventId])).toEqual([
      ["/api/v1/chat", undefined],
      ["/api/v1/replies/r1/events", 1],
      ["/api/v1/replies/r1/events", 2],
    ]);
  });

  it("leaves out what it has seen already", async () => {
    const { text } = await play([[started, delta(1, "a"), delta(2, "b"), new Error()], [delta(1, "a"), delta(2, "b"), delta(3, "c"), new Error()], [delta(4, "d"), new Error()], [snapshot(4, "abcd"), done(4, "abcd")]], send);
    expect(text).toBe("abcd");
  });

  it("asks for a snapshot when an event is missing", async () => {
    const { requests, text } = await play([[started, delta(1, "a"), delta(3, "c")], [snapshot(3, "abc"), delta(4, "d"), done(5, "abcd")]], send);
    expect(text).toBe("abcd");
    expect(requests[1]!.lastEventId).toBeUndefined();
  });

  it("misses no piece of a thought either", async () => {
    const thought = (id: number, text: string) => sse(id, "reasoning", { text });
    const { requests, text } = await play([[started, thought(1, "h"), thought(2, "m"), delta(3, "a"), thought(5, "x")], [snapshot(5, "ab"), done(6, "ab")]], send);
    expect(text).toBe("ab");
    expect(requests).toHaveLength(2);
    expect(requests[1]!.lastEventId).toBeUndefined();
  });

  it("attaches to a running reply without knowing any event", async () => {
    const { requests, text } = await play([[snapshot(17, "so far"), delta(18, " and on"), done(19, "so far and on")]], { replyId: "r9" });
    expect(requests[0]).toMatchObject({ path: "/api/v1/replies/r9/events", lastEventId: undefined });
    expect(text).toBe("so far and on");
  });

  it("sends again with the same client_id while nobody answers", async () => {
    const { requests } = await play([ApiError.unreachable("down"), ApiError.unreachable("down"), [started, done(1, "")]], send);
    expect(requests.map((r) => r.body)).toEqual([send.body, send.body, send.body]);
  });

  it("never sends twice what has no client_id, and passes refusals on", async () => {
    const once = { path: "/api/v1/messages/m/regenerate", body: {} };
    await expect(play([ApiError.unreachable("down")], once)).rejects.toMatchObject({ code: "unreachable" });
    await expect(play([new ApiError("context_too_long", "too long", 422)], send)).rejects.toMatchObject({ code: "context_too_long" });
  });

  it("keeps trying to attach while the server is away, and stops when the reply is gone", async () => {
    const away = new ApiError("overloaded", "", 503);
    const { text } = await play([[started, delta(1, "a"), new Error()], ApiError.unreachable("down"), away, [snapshot(1, "a"), done(2, "a")]], send);
    expect(text).toBe("a");
    await expect(play([[started, new Error()], new ApiError("not_found", "", 404)], send)).rejects.toMatchObject({ status: 404 });
  });

  it("passes the title on, also after the end", async () => {
    const { requests, text } = await play([[started, done(1, "x"), sse(2, "title", { conversation: { title: "T" } })]], send);
    expect(text).toBe("x");
    expect(requests).toHaveLength(1);
  });
});
