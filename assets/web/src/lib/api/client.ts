// The one way to the server: typed calls (openapi-fetch over the generated schema) and event
// streams, both failing with ApiError. The session travels in the cookie; no token is kept here.
import createClient from "openapi-fetch";
import type { paths } from "./schema";
import { ApiError, errorOf } from "./error";
import { SseParser, type SseEvent } from "../sse";

export const api = createClient<paths>({ baseUrl: "/api/v1" });

let whenSignedOut: () => void = () => {};

/** Told whenever the server no longer knows this session. */
export function onSignedOut(listener: () => void) {
  whenSignedOut = listener;
}

function note(error: ApiError): ApiError {
  if (error.status === 401) whenSignedOut();
  return error;
}

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** The answer's data, or an ApiError in every other case. */
export async function call<T>(request: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch (cause) {
    throw ApiError.unreachable(cause);
  }
  if (!answer.response.ok) throw note(errorOf(answer.response, answer.error));
  return answer.data as T;
}

export interface StreamRequest {
  path: string;
  /** POST with this body; without one, GET. */
  body?: object;
  lastEventId?: number;
  signal: AbortSignal;
}

/** Opens an event stream; it ends when the server ends it and throws when the network does. */
export async function openStream(request: StreamRequest): Promise<AsyncGenerator<SseEvent>> {
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (request.body) headers["content-type"] = "application/json";
  if (request.lastEventId !== undefined) headers["last-event-id"] = String(request.lastEventId);
  let response: Response;
  try {
    response = await fetch(request.path, {
      method: request.body ? "POST" : "GET",
      headers,
      body: request.body && JSON.stringify(request.body),
      signal: request.signal,
      cache: "no-store",
    });
  } catch (cause) {
    throw ApiError.unreachable(cause);
  }
  const kind = response.headers.get("content-type") ?? "";
  if (!response.ok || !response.body || !kind.startsWith("text/event-stream")) {
    throw note(errorOf(response, await response.json().catch(() => undefined)));
  }
  return eventsOf(response.body);
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<SseEvent> {
  const reader = body.getReader();
  const parser = new SseParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
