// The pages about the house, for administrators.
import type { Page } from "@playwright/test";
import { sideways, sound } from "./axe";
import { ask, list, test } from "./mine";
import { enterAsKeeper, expect, password, signIn, visit } from "./page";

const section = (page: Page, name: string) => page.getByRole("navigation", { name: "Sections of “House”" }).getByRole("link", { name });

test("only who runs the house finds its pages", async ({ home: page }) => {
  await page.getByRole("button", { name: /^Account of/ }).click();
  await expect(page.getByRole("menuitem", { name: "Account" })).toBeVisible();
  await expect(page.getByRole("menuitem", { name: "House" })).toHaveCount(0);
});

test("settings are saved and written down in the audit log, which can be filtered and taken along", async ({ page, mine: house }) => {
  await page.goto(`${house.url}/`);
  await visit(page, "House");
  await section(page, "Settings").click();
  const save = page.getByRole("button", { name: "Save" }).first();
  await expect(save).toBeDisabled();
  await page.getByRole("radio", { name: "Whoever has a registration key" }).check();
  await page.getByRole("radio", { name: "Always" }).check();
  await save.click();
  await expect(page.getByText("The settings are saved.")).toBeVisible();
  await expect(save).toBeDisabled();
  const rules = await (await page.request.get(`${house.url}/api/v1/auth/registration`)).json();
  expect(rules).toMatchObject({ mode: "key", approval: "always" });

  await section(page, "Audit log").click();
  const rows = page.getByRole("list", { name: "Audit log" }).getByRole("listitem");
  await expect(rows.first()).toContainText("settings.changed");
  await expect(rows.first()).toContainText("registration.mode");
  await expect(rows.first()).toContainText("by keeper");
  const all = await rows.count();
  expect(all).toBeGreaterThan(1);
  await page.getByLabel("Search").fill("settings mode");
  await expect(rows).toHaveCount(1);
  await page.getByLabel("Search").fill("no such thing");
  await expect(page.getByText("Nothing like that was found.")).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect(rows).toHaveCount(all);

  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download all" }).click()]);
  const lines = (await (await download.createReadStream()).toArray()).join("").trim().split("\n");
  expect(lines.length).toBe(all);
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ action: "settings.changed" });
});

test("the audit log is asked by whom, what and when, also for what lies far back", async ({ page, mine }) => {
  test.slow();
  await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password, role: "admin" });
  for (let number = 0; number < 60; number++) await ask(page.request, mine, "PATCH", "/admin/settings", { registration: { mode: number % 2 === 0 ? "open" : "closed" } });
  await page.goto(`${mine.url}/house/audit`);
  const rows = list(page, "Audit log");
  await expect(rows).toHaveCount(50);
  await page.getByRole("button", { name: "More filters" }).click();
  await sound(page, "all filters");
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await sideways(page)).toBe(0);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByLabel("What").fill("user.");
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("user.created");
  await page.getByLabel("By whom").fill("ada");
  await expect(page.getByText("Nothing like that was found.")).toBeVisible();
  await page.getByLabel("By whom").fill("Keeper");
  await expect(rows).toHaveCount(1);

  const today = await page.evaluate(() => new Intl.DateTimeFormat("sv").format(new Date()));
  await page.getByLabel("From").fill(today);
  await page.getByLabel("To", { exact: true }).fill(today);
  await expect(rows).toHaveCount(1);
  await page.getByLabel("From").fill("");
  await page.getByLabel("To", { exact: true }).fill("2020-01-01");
  await expect(page.getByText("Nothing like that was found.")).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect(rows).toHaveCount(50);
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(rows).toHaveCount(62);
});

test("a page that searched its part and found nothing goes on when it is asked to", async ({ page, mine }) => {
  const empty = { json: { items: [], next_cursor: "2" } };
  await page.route(/admin\/audit(\?|$)/, (route) => route.fulfill(empty), { times: 1 });
  await page.goto(`${mine.url}/house/audit`);
  await expect(page.getByText("Nothing so far. There is more to search.")).toBeVisible();
  await page.getByRole("button", { name: "Search further" }).click();
  await expect(list(page, "Audit log")).toHaveCount(1);
});

test("the overview counts what is in the house and draws what was written", async ({ page, mine }) => {
  await ask(page.request, mine, "POST", "/chat", { content: "Hello" });
  await page.goto(`${mine.url}/house`);
  await expect(page.getByRole("heading", { level: 2, name: "Overview" })).toBeVisible();
  const figure = (name: string) => page.locator("dl div").filter({ has: page.getByText(name, { exact: true }) }).locator("dd");
  await expect(figure("People")).toHaveText("1");
  await expect(figure("Messages")).toHaveText("2");
  await expect(page.getByText("1 replies")).toBeVisible();
  await expect(page.locator("figure canvas").first()).toBeVisible();
  await expect(page.getByText(/^Models /)).toBeVisible();
});

test("auditors see the overview and the audit log, and nothing else of the house", async ({ page, mine, browser }) => {
  await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password, role: "auditor" });
  const hers = await (await browser.newContext()).newPage();
  await hers.goto(`${mine.url}/sign-in`);
  await signIn(hers, "ada");
  await visit(hers, "House");
  const links = hers.getByRole("navigation", { name: "Sections of “House”" }).getByRole("link");
  await expect(links).toHaveText(["Overview", "Audit log"]);
  await expect(hers.locator("figure canvas").first()).toBeVisible();
  await links.last().click();
  await expect(list(hers, "Audit log").first()).toBeVisible();
  await hers.context().close();
});

test("axe finds nothing on the house's pages, and nothing scrolls sideways on a phone", async ({ page, house }) => {
  test.slow();
  await enterAsKeeper(page, house);
  for (const [address, seen] of [
    ["/house/overview", page.locator("figure canvas").first()],
    ["/house/settings", page.getByRole("radio", { name: "Nobody" })],
    ["/house/audit", page.getByRole("list", { name: "Audit log" })],
  ] as const) {
    await page.goto(address);
    await expect(seen).toBeVisible();
    await sound(page, address);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await sideways(page), address).toBe(0);
    await page.setViewportSize({ width: 1280, height: 800 });
  }
});
