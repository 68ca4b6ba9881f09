// Reads text/event-stream out of bytes that arrive in any pieces. EventSource cannot be used:
// replies are streamed from a POST, and a resume must send Last-Event-ID by hand.

export interface SseEvent {
  /** The event's own id; undefined when it had none. */
  id: string | undefined;
  event: string;
  data: string;
}

export class SseParser {
  #decoder = new TextDecoder();
  #rest = "";
  #id: string | undefined;
  #event = "";
  #data: string[] = [];

  /** The events completed by these bytes. */
  push(bytes: Uint8Array): SseEvent[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const events: SseEvent[] = [];
    let start = 0;
    for (;;) {
      const end = lineEnd(this.#rest, start);
      if (end < 0) break;
      const event = this.#line(this.#rest.slice(start, end));
      if (event) events.push(event);
      start = end + (this.#rest.startsWith("\r\n", end) ? 2 : 1);
    }
    this.#rest = this.#rest.slice(start);
    return events;
  }

  #line(line: string): SseEvent | undefined {
    if (line === "") return this.#dispatch();
    if (line.startsWith(":")) return undefined;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return undefined;
  }

  #dispatch(): SseEvent | undefined {
    const event = { id: this.#id, event: this.#event || "message", data: this.#data.join("\n") };
    const empty = this.#data.length === 0;
    this.#id = undefined;
    this.#event = "";
    this.#data = [];
    return empty ? undefined : event;
  }
}

/** The end of the line that starts at `start`; -1 when it is not complete yet. */
function lineEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === 10) return at;
    // A lone \r ends a line too, but at the very end it may be the first half of \r\n.
    if (char === 13) return at + 1 < text.length ? at : -1;
  }
  return -1;
}
