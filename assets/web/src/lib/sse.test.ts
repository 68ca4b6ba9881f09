import { describe, expect, it } from "vitest";
import { SseParser, type SseEvent } from "./sse";

const encode = (text: string) => new TextEncoder().encode(text);

function read(pieces: Uint8Array[]): SseEvent[] {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

const stream =
  ': hello\n\nid: 0\nevent: started\ndata: {"a":1}\n\n: keep-alive\n\n' +
  'id: 1\r\nevent: delta\r\ndata: {"text":"Grüße, 🔑 – schön"}\r\n\r\n' +
  "id: 2\revent: delta\rdata: one\rdata:two\r\rid:3\ndata\n\nevent: half\ndata: never ended";
const expected: SseEvent[] = [
  { id: "0", event: "started", data: '{"a":1}' },
  { id: "1", event: "delta", data: '{"text":"Grüße, 🔑 – schön"}' },
  { id: "2", event: "delta", data: "one\ntwo" },
  { id: "3", event: "message", data: "" },
];

describe("SseParser", () => {
  it("reads a stream that comes whole", () => {
    expect(read([encode(stream)])).toEqual(expected);
  });

  it("reads the same whatever the two pieces it is cut into, also inside a character", () => {
    const bytes = encode(stream);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(read([bytes.slice(0, cut), bytes.slice(cut)]), `cut at byte ${cut}`).toEqual(expected);
    }
  });

  it("reads the same byte by byte", () => {
    expect(read([...encode(stream)].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  it("says nothing for comments, empty pieces and events without data", () => {
    expect(read([encode(": ping\n\n"), new Uint8Array(), encode("event: x\n\n")])).toEqual([]);
  });

  it("does not carry an id or a name over to the next event", () => {
    expect(read([encode("id: 7\nevent: a\ndata: 1\n\ndata: 2\n\n")])).toEqual([
      { id: "7", event: "a", data: "1" },
      { id: undefined, event: "message", data: "2" },
    ]);
  });

  it("keeps spaces after the first and colons in values", () => {
    expect(read([encode("data:  a: b\n\n")])).toEqual([{ id: undefined, event: "message", data: " a: b" }]);
  });
});
