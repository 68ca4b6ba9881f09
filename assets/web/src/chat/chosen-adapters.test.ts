import { describe, expect, it } from "vitest";
import type { AdapterUse } from "../lib/api/types";
import { ChosenAdapters } from "./chosen-adapters.svelte";

const pirate = (scale: number): AdapterUse[] => [{ id: "pirate", scale }];

/** A server that answers when it is let. */
function server() {
  const told: AdapterUse[][] = [];
  const waiting: (() => void)[] = [];
  let kept: AdapterUse[] | undefined;
  const chosen = new ChosenAdapters(
    () => kept,
    async (adapters) => {
      told.push(adapters);
      await new Promise<void>((resolve) => waiting.push(resolve));
      kept = adapters;
    },
  );
  const answer = async () => {
    waiting.shift()!();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { chosen, told, answer };
}

describe("chosen adapters", () => {
  it("are shown at once, and the last word is told last", async () => {
    const { chosen, told, answer } = server();
    void chosen.choose(pirate(1), true);
    void chosen.choose(pirate(0.5), true);
    void chosen.choose([], true);
    expect(chosen.all).toEqual([]);
    await answer();
    expect(told).toEqual([pirate(1), []]);
    expect(chosen.asked).toEqual([]);
    await answer();
    expect(told).toHaveLength(2);
    expect(chosen.all).toEqual([]);
  });

  it("wait for a conversation, which may have come with them", async () => {
    const { chosen, told, answer } = server();
    await chosen.choose(pirate(1), false);
    expect(chosen.asked).toEqual(pirate(1));
    expect(told).toEqual([]);
    await chosen.keptBy(pirate(1));
    expect(told).toEqual([]);
    await chosen.choose(pirate(2), false);
    void chosen.keptBy(pirate(1));
    expect(told).toEqual([pirate(2)]);
    await answer();
    expect(chosen.all).toEqual(pirate(2));
  });

  it("say nothing where nothing was chosen", () => {
    expect(server().chosen.asked).toBeUndefined();
  });
});
