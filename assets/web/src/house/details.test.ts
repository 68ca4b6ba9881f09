import { describe, expect, it } from "vitest";
import { flatDetails } from "./details";

describe("the details of an audit entry", () => {
  it("stand flat, whatever their shape", () => {
    expect(flatDetails({ registration: { mode: "open", verify_email: false }, scopes: ["chat", "read"], note: null })).toEqual([
      ["registration.mode", "open"],
      ["registration.verify_email", "false"],
      ["scopes", "chat, read"],
      ["note", "null"],
    ]);
    expect(flatDetails({ keys: [{ id: "a" }] })).toEqual([["keys.0.id", "a"]]);
  });

  it("may be nothing", () => {
    for (const nothing of [null, undefined, {}, [], "text"]) expect(flatDetails(nothing)).toEqual([]);
  });
});
