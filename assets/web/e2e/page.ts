// What the tests share: a house per worker, somebody signed in, and a page whose console must stay clean.
import { test as base, expect, type Page } from "@playwright/test";
import { startHouse, type House } from "./house";

export const password = "a lantern in the pantry";

interface Person {
  username: string;
}

/** Hears everything the page complains about, apart from answers that are meant to be refusals. */
function complaintsOf(page: Page): string[] {
  const heard: string[] = [];
  page.on("pageerror", (error) => heard.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !/Failed to load resource|net::ERR_/.test(text)) heard.push(text);
    if (/Content Security Policy/i.test(text)) heard.push(text);
  });
  return heard;
}

export async function setUp(house: House): Promise<Person> {
  const token = new URL(house.setupLink).searchParams.get("token");
  const username = "keeper";
  const answer = await fetch(`${house.url}/api/v1/setup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token, username, password }),
  });
  expect(answer.status).toBe(201);
  return { username };
}

let counter = 0;

/** Somebody new, who has this browser's session from now on. */
export async function register(page: Page, house: House): Promise<Person> {
  const username = `guest${process.pid}-${++counter}`;
  const answer = await page.request.post(`${house.url}/api/v1/auth/register`, { data: { username, password, cookie: true }, headers: { origin: house.url } });
  expect(answer.status()).toBe(201);
  return { username };
}

export const test = base.extend<{ person: Person; home: Page }, { house: House }>({
  house: [
    async ({}, use) => {
      const house = await startHouse();
      await setUp(house);
      const headers = { "content-type": "application/json" };
      const login = await fetch(`${house.url}/api/v1/auth/login`, { method: "POST", headers, body: JSON.stringify({ login: "keeper", password, cookie: true }) });
      const cookie = login.headers.get("set-cookie")!.split(";")[0]!;
      const settings = await fetch(`${house.url}/api/v1/admin/settings`, {
        method: "PATCH",
        headers: { ...headers, cookie, origin: house.url },
        body: JSON.stringify({ registration: { mode: "open" } }),
      });
      expect(settings.status).toBe(200);
      await use(house);
      await house.stop();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ house }, use) => use(house.url),
  page: async ({ page }, use) => {
    const heard = complaintsOf(page);
    await use(page);
    expect(heard).toEqual([]);
  },
  /** Somebody of their own for each test, signed in in this browser. */
  person: async ({ page, house }, use) => {
    await use(await register(page, house));
  },
  home: async ({ page, person }, use) => {
    expect(person.username).toBeTruthy();
    await page.goto("/");
    await expect(composer(page)).toBeVisible();
    await use(page);
  },
});

export { expect };

export const composer = (page: Page) => page.getByRole("textbox", { name: "Message" });
export const replies = (page: Page) => page.getByRole("article", { name: "Reply" });
export const said = (page: Page) => page.getByRole("article", { name: "You" });
export const lastText = (page: Page) => replies(page).last().locator(".prose");

export async function send(page: Page, text: string) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** Signs in on the page that asks for it. */
export async function signIn(page: Page, username: string) {
  await page.getByLabel("User name or e-mail").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await expect(composer(page)).toBeVisible();
}

export async function signOut(page: Page) {
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Welcome home" })).toBeVisible();
}

/** Goes to the pages of the account or the house, as the menu names them. */
export async function visit(page: Page, pages: "Account" | "House") {
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: pages }).click();
  await expect(page.getByRole("heading", { level: 1, name: pages })).toBeVisible();
}

/** The administrator, signed in in this browser. */
export async function enterAsKeeper(page: Page, house: House) {
  const answer = await page.request.post(`${house.url}/api/v1/auth/login`, { data: { login: "keeper", password, cookie: true }, headers: { origin: house.url } });
  expect(answer.status()).toBe(200);
}

/** The house refuses the next thing asked of one of these addresses. */
export async function refuseNext(page: Page, address: string | RegExp) {
  const refusal = { status: 503, headers: { "retry-after": "7" }, json: { error: { code: "overloaded", message: "busy" } } };
  await page.route(address, (route) => route.fulfill(refusal), { times: 1 });
}

/** Holds what is asked of these addresses until the returned function is called. */
export async function hold(page: Page, address: string | RegExp): Promise<() => Promise<void>> {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(address, async (route) => {
    await released;
    // Whoever asked may have given up by now.
    await route.continue().catch(() => {});
  });
  return async () => {
    release();
    await page.unroute(address);
  };
}

/** As when the reader comes back from another tab. */
export const seenAgain = (page: Page) => page.evaluate(() => void document.dispatchEvent(new Event("visibilitychange")));

export async function finished(page: Page) {
  await expect(replies(page).last().getByRole("button", { name: "Another reply" })).toBeVisible({ timeout: 15_000 });
}
