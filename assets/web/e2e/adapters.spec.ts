// What goes on top of the model: chosen beside the message field, kept with the conversation, told
// with each reply. Only the second model has any, so the first shows that there is nothing to see.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { addAdapters, deleteAdapter } from "./adapters";
import { composer, expect, finished, lastText, replies, send, test } from "./page";

const chooser = (page: Page) => page.getByRole("button", { name: /^Adapters:/ });
const adapter = (page: Page, name: string) => page.getByRole("checkbox", { name: new RegExp(`^${name}`) });
const strength = (page: Page, name: string) => page.getByRole("slider", { name: `Strength of ${name}` });

async function chooseModel(page: Page, name: string) {
  await page.getByRole("button", { name: /^Model:/ }).click();
  await page.getByRole("menuitemradio", { name: new RegExp(`^${name} `) }).click();
  await expect(page.getByRole("button", { name: `Model: ${name}`, exact: true })).toBeVisible();
}

test("adapters are chosen with a strength, kept, and told with the reply", async ({ home: page, house }) => {
  await addAdapters(house, "scripted-two", ["Pirate", "Formal"]);
  await expect(page.getByRole("button", { name: /^Model:/ })).toBeVisible();
  await expect(chooser(page)).toHaveCount(0);
  await chooseModel(page, "scripted-two");
  await expect(chooser(page)).toHaveAccessibleName("Adapters: none");
  await chooser(page).click();
  await expect(strength(page, "Pirate")).toHaveCount(0);
  await adapter(page, "Pirate").check();
  await strength(page, "Pirate").fill("0.5");
  await adapter(page, "Formal").check();
  await page.keyboard.press("Escape");
  await expect(chooser(page)).toHaveAccessibleName("Adapters: Pirate 0.5, Formal 1");

  await send(page, "Which adapters");
  await finished(page);
  await expect(lastText(page)).toHaveText("With pirate at 0.5, formal at 1.");
  await expect(replies(page).last()).toContainText("with Pirate 0.5, Formal 1");
  await page.reload();
  await expect(chooser(page)).toHaveAccessibleName("Adapters: Pirate 0.5, Formal 1");

  await chooser(page).click();
  await adapter(page, "Formal").uncheck();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Another reply" }).click();
  await expect(lastText(page)).toHaveText("With pirate at 0.5.");
  await finished(page);

  await chooseModel(page, "scripted");
  await expect(chooser(page)).toHaveCount(0);
  await send(page, "Which adapters now");
  await finished(page);
  await expect(lastText(page)).toHaveText("With none.");
  await expect(replies(page).last()).not.toContainText("with Pirate");
});

test("the keyboard alone chooses an adapter, and Enter there sends nothing", async ({ home: page, house }) => {
  await addAdapters(house, "scripted-two", ["Pirate", "Formal"]);
  await chooseModel(page, "scripted-two");
  await composer(page).fill("Which adapters");
  await page.keyboard.press("Tab");
  await expect(chooser(page)).toBeFocused();
  await page.keyboard.press("Enter");
  const first = page.getByRole("dialog", { name: "Adapters" }).getByRole("checkbox").first();
  await expect(first).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Space");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(chooser(page)).toBeFocused();
  await expect(chooser(page)).toHaveAccessibleName("Adapters: Formal 0.95");
  await expect(replies(page)).toHaveCount(0);
  await composer(page).press("Enter");
  await expect(lastText(page)).toHaveText("With formal at 0.95.");
});

test("a conversation whose adapter was deleted says so, and goes on without it", async ({ home: page, house }) => {
  await addAdapters(house, "scripted-two", ["Ghost"]);
  await chooseModel(page, "scripted-two");
  await chooser(page).click();
  await adapter(page, "Ghost").check();
  await page.keyboard.press("Escape");
  await send(page, "Which adapters");
  await finished(page);
  await deleteAdapter(house, "ghost");
  await page.reload();
  await expect(lastText(page)).toHaveText("With ghost at 1.");
  await expect(replies(page).last()).toContainText("with ghost 1");

  await send(page, "Which adapters now");
  const problem = replies(page).last().getByRole("alert");
  await expect(problem).toContainText("There is no adapter “ghost”, or you may not use it.");
  await chooser(page).click();
  await expect(page.getByText("was deleted")).toBeVisible();
  await adapter(page, "ghost").click();
  await page.keyboard.press("Escape");
  await problem.getByRole("button", { name: "Try again" }).click();
  await expect(lastText(page)).toHaveText("With none.");
});

test("the choice fits a phone, and axe finds nothing in it", async ({ home: page, house }) => {
  test.slow();
  await addAdapters(house, "scripted-two", ["Pirate", "Formal"]);
  await page.setViewportSize({ width: 360, height: 740 });
  await chooseModel(page, "scripted-two");
  await chooser(page).click();
  await adapter(page, "Pirate").check();
  await adapter(page, "Formal").check();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
  for (const theme of ["light", "dark"]) {
    await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
    await page.waitForTimeout(160);
    const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`), theme).toEqual([]);
  }
  expect((await chooser(page).boundingBox())!.height).toBeGreaterThanOrEqual(40);
});
