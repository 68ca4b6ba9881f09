import { describe, expect, it } from "vitest";
import { beginningOf, endOf } from "./days";

describe("days", () => {
  it("begin where the one before ends", () => {
    expect(endOf("2026-12-31")).toBe(beginningOf("2027-01-01"));
    expect(new Date(beginningOf("2027-01-31")!).getHours()).toBe(0);
    expect(new Date(beginningOf("2027-01-31")!).getDate()).toBe(31);
  });

  it("are nothing where none was chosen", () => {
    for (const day of ["", "yesterday"]) expect([beginningOf(day), endOf(day)].filter(Boolean).length, day).toBe(0);
  });
});
