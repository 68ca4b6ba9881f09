// The pages about oneself: getting there and back, sessions, API keys, looks.
import type { Page } from "@playwright/test";
import { sideways, sound } from "./axe";
import { composer, expect, finished, password, register, said, send, test, visit } from "./page";

const sections = (page: Page) => page.getByRole("navigation", { name: /^Sections of/ });
const go = (page: Page, name: string) => sections(page).getByRole("link", { name }).click();

test("the pages are entered from the menu, have addresses, and lead back to the conversation", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  const conversation = page.url();
  await visit(page, "Account");
  await expect(page).toHaveURL(/\/account$/);
  await expect(page.getByRole("heading", { level: 1, name: "Account" })).toBeFocused();
  await go(page, "Sessions");
  await expect(page).toHaveURL(/\/account\/sessions$/);
  await expect(page).toHaveTitle(/^Sessions/);
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Profile" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(conversation);
  await expect(said(page)).toContainText("Hello");

  await page.goto("/account/keys");
  await expect(page.getByRole("heading", { name: "API keys" })).toBeVisible();
  await page.getByRole("link", { name: "Back to the conversation" }).click();
  await expect(composer(page)).toBeVisible();
});

test("an address that was sent leads there once one has signed in", async ({ page, person }) => {
  await page.context().clearCookies();
  await page.goto("/account/sessions");
  await page.getByLabel("User name or e-mail").fill(person.username);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("list", { name: "Sessions" })).toBeVisible();
  await expect(page).toHaveURL(/\/account\/sessions$/);
});

test("what is being typed is not left by a key", async ({ home: page }) => {
  await page.goto("/account");
  await page.getByLabel("Name", { exact: true }).fill("Ad");
  await page.keyboard.press("Escape");
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Ad");
});

test("a reply goes on while one is on other pages, and what was typed is still there", async ({ home: page }) => {
  await send(page, "Say it slowly");
  await composer(page).fill("what next");
  await visit(page, "Account");
  await expect(page).toHaveURL(/\/account$/);
  await page.keyboard.press("Escape");
  await expect(composer(page)).toHaveValue("what next");
  await finished(page);
});

test("addresses that mean nothing, or nothing for this reader, say so", async ({ home: page }) => {
  for (const address of ["/account/nowhere", "/house/settings"]) {
    await page.goto(address);
    await expect(page.getByRole("heading", { name: "There is nothing at this address" })).toBeVisible();
  }
});

test("sessions are listed, one is ended, and then all others", async ({ home: page, person, house, browser }) => {
  const elsewhere = async () => {
    const context = await browser.newContext();
    const answer = await context.request.post(`${house.url}/api/v1/auth/login`, { data: { login: person.username, password, cookie: true }, headers: { origin: house.url } });
    expect(answer.status()).toBe(200);
    return context;
  };
  const [second, third, fourth] = [await elsewhere(), await elsewhere(), await elsewhere()];
  await page.goto("/account/sessions");
  const rows = page.getByRole("list", { name: "Sessions" }).getByRole("listitem");
  await expect(rows).toHaveCount(4);
  await expect(rows.filter({ hasText: "this one" })).toHaveCount(1);
  await expect(rows.filter({ hasText: "this one" }).getByRole("button")).toHaveCount(0);
  await rows.getByRole("button").first().click();
  await expect(page.getByText("The session is ended.")).toBeVisible();
  await expect(rows).toHaveCount(3);
  await page.getByRole("button", { name: "End all others" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End all others" }).click();
  await expect(rows).toHaveCount(1);
  await expect(page.getByText("You are signed in nowhere else.")).toBeVisible();
  for (const context of [second, third, fourth]) {
    expect((await context.request.get(`${house.url}/api/v1/auth/me`)).status()).toBe(401);
    await context.close();
  }
});

test("an API key is made, shown once, works, and is ended", async ({ home: page, house, playwright }) => {
  await page.goto("/account/keys");
  await page.getByRole("button", { name: "New key" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Run the house")).toHaveCount(0);
  await dialog.getByLabel("Name").fill("garden robot");
  await dialog.getByLabel("Read").check();
  await dialog.getByRole("button", { name: "Make key" }).click();
  const secret = await dialog.getByLabel("Key", { exact: true }).inputValue();
  expect(secret).toMatch(/^chk_/);
  await dialog.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("list", { name: "API keys" }).getByRole("listitem");
  await expect(row).toContainText("garden robot");
  await expect(row).toContainText("never used");
  expect(await page.content()).not.toContain(secret);

  const program = await playwright.request.newContext({ extraHTTPHeaders: { authorization: `Bearer ${secret}` } });
  expect((await program.get(`${house.url}/api/v1/conversations`)).status()).toBe(200);
  await row.getByRole("button", { name: "End the key “garden robot”" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await row.getByRole("button", { name: "End the key “garden robot”" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End" }).click();
  await expect(page.getByText("You have no keys.")).toBeVisible();
  expect((await program.get(`${house.url}/api/v1/conversations`)).status()).toBe(401);
  await program.dispose();
});

test("theme and language have a page too", async ({ home: page }) => {
  await page.goto("/account/appearance");
  await page.getByRole("radio", { name: "Dark" }).check();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.getByRole("radio", { name: "Deutsch" }).check();
  await expect(page.getByRole("heading", { level: 2, name: "Aussehen" })).toBeVisible();
});

test("a part that does not arrive says so and can be asked for again", async ({ home: page }) => {
  await page.route("**/assets/Sessions-*.js", (route) => route.abort(), { times: 1 });
  await visit(page, "Account");
  await go(page, "Sessions");
  await expect(page.getByRole("alert")).toContainText("could not be loaded");
  await page.getByRole("button", { name: "Load the page anew" }).click();
  await expect(page.getByRole("list", { name: "Sessions" })).toBeVisible();
});

test("axe finds nothing on the account's pages, and nothing scrolls sideways on a phone", async ({ home: page, house }) => {
  test.slow();
  await register(page, house);
  for (const [address, seen] of [
    ["/account", page.getByLabel("Current password")],
    ["/account/sessions", page.getByRole("list", { name: "Sessions" })],
    ["/account/keys", page.getByText("You have no keys.")],
    ["/account/allowance", page.getByText("Replies cost nothing in this house.")],
    ["/account/data", page.getByRole("button", { name: "Delete my account …" })],
    ["/account/appearance", page.getByRole("radio", { name: "Dark" })],
  ] as const) {
    await page.goto(address);
    await expect(seen).toBeVisible();
    await sound(page, address);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await sideways(page), address).toBe(0);
    await page.setViewportSize({ width: 1280, height: 800 });
  }
  await page.goto("/account/keys");
  await page.getByRole("button", { name: "New key" }).click();
  await sound(page, "a new key");
});
