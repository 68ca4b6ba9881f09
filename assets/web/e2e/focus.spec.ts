// The focus is always somewhere one can go on from.
import type { Page } from "@playwright/test";
import { composer, expect, finished, lastText, send, test } from "./page";

const list = (page: Page) => page.getByRole("navigation", { name: "Conversations" });

async function clickAndFocusComposer(page: Page, name: string) {
  await page.getByRole("button", { name }).last().click();
  await expect(composer(page)).toBeFocused();
}

test("after every button that goes away one can type on", async ({ home: page }) => {
  await page.getByRole("button", { name: "What is Chatelaine?" }).click();
  await expect(composer(page)).toBeFocused();
  await finished(page);
  await composer(page).fill("Go on for ever");
  await clickAndFocusComposer(page, "Send");
  await expect(lastText(page)).toContainText("word3");
  await clickAndFocusComposer(page, "Stop");
  await clickAndFocusComposer(page, "Continue");
  await page.keyboard.press("Escape");
  await expect(page.getByText("You stopped this reply.")).toBeVisible();
  await clickAndFocusComposer(page, "Another reply");
  await page.keyboard.press("Escape");
  await expect(page.getByText("2 / 2")).toBeVisible();
  await expect(page.getByText("You stopped this reply.")).toBeVisible();
  await composer(page).press("ArrowUp");
  await expect(page.getByRole("textbox", { name: "Edit your message" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(composer(page)).toBeFocused();
});

test("the arrows between versions keep the focus", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  for (const versions of ["2 / 2", "3 / 3"]) {
    await page.getByRole("button", { name: "Another reply" }).click();
    await expect(page.getByText(versions)).toBeVisible();
    await finished(page);
  }
  await page.getByRole("button", { name: "Previous version" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("2 / 3")).toBeVisible();
  await expect(page.getByRole("button", { name: "Previous version" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByText("1 / 3")).toBeVisible();
  await expect(page.getByRole("button", { name: "Next version" })).toBeFocused();
});

test("a conversation pinned by keyboard keeps the focus, and the model's menu gives it back", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  await list(page).getByRole("button", { name: /^Actions for/ }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Pin" }).focus();
  await page.keyboard.press("Enter");
  const pinned = list(page).getByRole("region", { name: "Pinned" });
  await expect(pinned.getByRole("link")).toBeFocused();
  const chooser = page.getByRole("button", { name: /^Model:/ });
  await chooser.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menuitemradio").first()).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(chooser).toBeFocused();
});

test("a click beside the field ends renaming and goes where it was meant", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  await list(page).getByRole("button", { name: /^Actions for/ }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  const field = page.getByRole("textbox", { name: /^New title/ });
  await expect(field).toBeFocused();
  await field.fill("Greetings");
  await composer(page).click();
  await expect(list(page).getByRole("link", { name: "Greetings" })).toBeVisible();
  await expect(composer(page)).toBeFocused();
});

test("on a phone the drawer holds the focus and gives it back", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  await composer(page).evaluate((field) => field.blur());
  await page.setViewportSize({ width: 360, height: 740 });
  const main = page.getByRole("main");
  const menu = page.getByRole("button", { name: "Show conversations" });
  await menu.click();
  await expect(page.locator("main")).toHaveAttribute("inert", "");
  await page.keyboard.press("Escape");
  await expect(menu).toBeFocused();
  await expect(main).toBeVisible();

  await menu.click();
  await list(page).getByRole("link").click();
  await expect(menu).toBeFocused();
  await menu.click();
  await page.getByRole("complementary").getByRole("button", { name: "New conversation" }).click();
  await expect(composer(page)).toBeFocused();
  await page.getByRole("heading", { level: 1 }).click();
  await page.setViewportSize({ width: 1280, height: 800 });
  await expect(page.getByRole("complementary")).toBeVisible();
  await expect(composer(page)).not.toBeFocused();
});

test("the pages are used by keyboard alone", async ({ home: page }) => {
  const menu = page.getByRole("button", { name: /^Account of/ });
  await menu.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Account" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Account" })).toBeFocused();
  const tabTo = async (name: string, role: "link" | "button" | "textbox") => {
    const wanted = page.getByRole(role, { name, exact: true });
    for (let step = 0; step < 20 && !(await wanted.evaluate((node) => node === document.activeElement)); step++) await page.keyboard.press("Tab");
    await expect(wanted).toBeFocused();
  };
  await tabTo("API keys", "link");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 2, name: "API keys" })).toBeVisible();
  await expect(page.getByRole("link", { name: "API keys" })).toBeFocused();
  await tabTo("New key", "button");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Name")).toBeFocused();
  await page.keyboard.type("robot");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog").getByText("Your new key")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "New key" })).toBeFocused();
  await expect(page).toHaveURL(/\/account\/keys$/);
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/$/);
  await expect(composer(page)).toBeFocused();
});
