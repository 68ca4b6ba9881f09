import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { shipped } from "./shipped";

const folder = new URL("../../../../../plugins/", import.meta.url);

it("what comes with the house is described as its manifest has it", () => {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(Object.keys(shipped).sort()).toEqual(names.sort());
  for (const name of names) {
    const manifest = readFileSync(new URL(`${name}/plugin.toml`, folder), "utf8");
    const [head, ...settings] = manifest.split("[[settings]]");
    const value = (text: string, field: string) => new RegExp(`^${field} = "(.*)"$`, "m").exec(text)![1]!;
    expect(shipped[name]!.description()).toBe(value(head!, "description"));
    const said = Object.entries(shipped[name]!.settings).map(([setting, words]) => [setting, words()]);
    expect(said).toEqual(settings.map((text) => [value(text, "name"), value(text, "description")]));
  }
});
