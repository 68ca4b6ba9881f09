// The list of conversations: rename, pin, archive, delete with undo.
import { expect, finished, hold, lastText, seenAgain, send, test } from "./page";
import type { Page } from "@playwright/test";

const list = (page: Page) => page.getByRole("navigation", { name: "Conversations" });

async function choose(page: Page, what: string) {
  await list(page).getByRole("link").first().hover();
  await list(page).getByRole("button", { name: /^Actions for/ }).first().click();
  await page.getByRole("menuitem", { name: what }).click();
}

test("rename, pin, archive and bring back", async ({ home: page }) => {
  await send(page, "A letter");
  await finished(page);
  await choose(page, "Rename");
  const field = page.getByRole("textbox", { name: /^New title/ });
  await expect(field).toBeFocused();
  await field.fill("Letter to the landlord");
  await field.press("Enter");
  await expect(list(page).getByRole("link", { name: "Letter to the landlord" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Letter to the landlord" })).toBeVisible();

  await choose(page, "Pin");
  await expect(list(page).getByRole("heading", { name: "Pinned" })).toBeVisible();
  await page.reload();
  await expect(list(page).getByRole("region", { name: "Pinned" }).getByRole("link", { name: "Letter to the landlord" })).toBeVisible();

  await choose(page, "Archive");
  await expect(list(page).getByRole("link")).toHaveCount(0);
  await page.getByRole("button", { name: "Archive", exact: true }).click();
  const archive = page.getByRole("navigation", { name: "Archive" });
  await archive.getByRole("link", { name: "Letter to the landlord" }).hover();
  await archive.getByRole("button", { name: /^Actions for/ }).click();
  await page.getByRole("menuitem", { name: "Bring back" }).click();
  await page.getByRole("button", { name: "Back to conversations" }).click();
  await expect(list(page).getByRole("link", { name: "Letter to the landlord" })).toBeVisible();
});

test("what was shown as done is done, however soon the page goes", async ({ home: page }) => {
  await send(page, "To be kept at hand");
  await finished(page);
  // The server hears nothing of it while this page is there.
  let held = 0;
  await page.route("**/api/v1/conversations/*", async (route) => {
    if (route.request().method() !== "PATCH" || held > 0) return route.continue();
    held += 1;
  });
  await choose(page, "Pin");
  await expect(list(page).getByRole("heading", { name: "Pinned" })).toBeVisible();
  expect(held).toBe(1);
  await page.reload();
  await expect(list(page).getByRole("region", { name: "Pinned" }).getByRole("link")).toHaveCount(1);
});

test("delete can be undone, and then is for good", async ({ home: page }) => {
  await send(page, "To be forgotten");
  await finished(page);
  const address = page.url();
  await choose(page, "Delete");
  await expect(list(page).getByRole("link")).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(list(page).getByRole("link")).toHaveCount(1);
  await expect(page).toHaveURL(address);

  await choose(page, "Delete");
  await expect(list(page).getByRole("link")).toHaveCount(0);
  // Leaving the page does not lose the wish.
  await page.goto("/");
  await expect(list(page).getByText("What you talk about will be listed here.")).toBeVisible();
  await page.goto(address);
  await expect(page.getByText("This conversation does not exist")).toBeVisible();
});

test("the model is chosen from those of the house", async ({ home: page }) => {
  const chooser = page.getByRole("button", { name: /^Model:/ });
  await chooser.click();
  await expect(page.getByText("chatelaine model add FILE")).toBeVisible();
  await page.getByRole("menuitemradio", { name: "scripted-two" }).click();
  await expect(page.getByRole("menuitemradio")).toHaveCount(0);
  await expect(chooser).toHaveAccessibleName("Model: scripted-two");
  await send(page, "Hello");
  await finished(page);
  const said = await page.request.get(`/api/v1/conversations/${page.url().split("/").at(-1)}/messages`);
  expect((await said.json()).items.at(-1).model).toBe("scripted-two");
  await page.reload();
  await expect(chooser).toHaveAccessibleName("Model: scripted-two");
});

test("an old conversation opened by its address does not cut the list off", async ({ page, person, house }) => {
  expect(person.username).toBeTruthy();
  const headers = { origin: house.url };
  const first = await page.request.post("/api/v1/conversations", { headers, data: { title: "The oldest" } });
  const { id } = await first.json();
  for (let made = 0; made < 54; made++) await page.request.post("/api/v1/conversations", { headers, data: { title: `Later ${made}` } });
  const release = await hold(page, /\/conversations\?/);
  await page.goto(`/c/${id}`);
  await expect(page.getByRole("heading", { name: "The oldest" })).toBeVisible();
  await release();
  await expect(list(page).getByRole("link", { name: "The oldest" })).toBeVisible();
  await expect(list(page).getByRole("link", { name: "Later 53" })).toBeAttached();
  await list(page).hover();
  await page.mouse.wheel(0, 5000);
  await expect(list(page).getByRole("link")).toHaveCount(55);
  // Looking again finds the same, and nothing behind it.
  await seenAgain(page);
  await expect(list(page).getByRole("link")).toHaveCount(55);
});

test("a conversation left in mid-reply gets its title all the same", async ({ home: page }) => {
  await send(page, "Say it slowly: one two three four");
  await expect(lastText(page)).toContainText("word3");
  await page.keyboard.press("Control+Shift+O");
  await expect(list(page).getByRole("link", { name: "Say it slowly: one two three four" })).toBeVisible();
  await expect(list(page).getByRole("link", { name: "Say it slowly: one two three", exact: true })).toBeVisible({ timeout: 20_000 });
});
