import { describe, expect, it } from "vitest";
import type { PluginSetting } from "../../lib/api/types";
import { textOf, valueOf } from "./setting-values";

const setting = (type: PluginSetting["type"], value: unknown): PluginSetting => ({ name: "x", type, description: "", default: value, value });

describe("a plugin's setting", () => {
  it("comes back as it was", () => {
    for (const [type, value] of [
      ["string", "school.example"],
      ["integer", 50000],
      ["number", 0.5],
      ["boolean", true],
      ["boolean", false],
      ["list_of_strings", ["a", "b"]],
      ["list_of_strings", []],
    ] as const) {
      const one = setting(type, value);
      expect(valueOf(one, textOf(one))).toEqual(value);
    }
  });

  it("is the default again when its number is taken away", () => {
    expect(valueOf(setting("integer", 3), " ")).toBeNull();
  });
});
