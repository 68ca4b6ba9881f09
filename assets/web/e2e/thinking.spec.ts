// Models that think first: the thought apart and folded, and the answer at once where it takes too long.
import AxeBuilder from "@axe-core/playwright";
import { expect, finished, lastText, replies, send, test } from "./page";
import { words } from "./replies";

test("a thought stands folded above its answer, also after a reload", async ({ home: page }) => {
  await send(page, "Think a moment");
  await finished(page);
  for (const again of [false, true]) {
    if (again) await page.reload();
    const reply = replies(page).last();
    await expect(lastText(page)).toHaveText("It is warm.");
    const thought = reply.getByText("Let me look outside.");
    await expect(thought).toBeHidden();
    await reply.getByText("Thoughts").click();
    await expect(thought).toBeVisible();
    await expect(reply.getByRole("button", { name: "Answer now" })).toBeHidden();
  }
  const { violations } = await new AxeBuilder({ page }).include("article").analyze();
  expect(violations).toEqual([]);
});

test("thinking is shown, and ended when the answer is wanted now", async ({ home: page }) => {
  await send(page, "Ponder");
  const reply = replies(page).last();
  await reply.getByText("Thinking …", { exact: true }).click();
  await expect(reply.getByText("word10 word11", { exact: false })).toBeVisible();
  await page.reload();
  await reply.getByRole("button", { name: "Answer now" }).click();
  await finished(page);
  await expect(lastText(page)).toHaveText("It is warm.");
  await reply.getByText("Thoughts").click();
  const thought = (await reply.locator("details div").innerText()).trim();
  expect(words(2000).startsWith(thought)).toBe(true);
  expect(thought.length).toBeLessThan(words(2000).length);
});
