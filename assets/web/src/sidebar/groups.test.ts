import { describe, expect, it } from "vitest";
import type { Conversation } from "../lib/api/types";
import { byDate, inOrder } from "./groups";

const conversation = (id: string, updated: Date, pinned = false): Conversation => ({
  id,
  title: id,
  created_at: updated.toISOString(),
  updated_at: updated.toISOString(),
  pinned,
  archived: false,
});

const now = new Date(2026, 2, 10, 9, 30);
const at = (day: number, hour: number) => new Date(2026, 2, day, hour);

describe("byDate", () => {
  it("puts each conversation under its heading, by the reader's own midnight", () => {
    const groups = byDate(
      [conversation("p", at(1, 1), true), conversation("a", at(10, 0)), conversation("b", at(9, 23)), conversation("c", at(8, 23)), conversation("d", at(3, 0)), conversation("e", at(2, 23))],
      now,
    );
    expect(groups.map((group) => [group.name, group.items.map((item) => item.id)])).toEqual([
      ["pinned", ["p"]],
      ["today", ["a"]],
      ["yesterday", ["b"]],
      ["week", ["c", "d"]],
      ["earlier", ["e"]],
    ]);
  });

  it("leaves empty headings out", () => {
    expect(byDate([], now)).toEqual([]);
  });
});

describe("inOrder", () => {
  it("has the pinned first, then the latest", () => {
    const items = [conversation("old", at(1, 1)), conversation("pin", at(1, 0), true), conversation("new", at(9, 1))];
    expect(inOrder(items).map((item) => item.id)).toEqual(["pin", "new", "old"]);
  });
});
