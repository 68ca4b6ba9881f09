// What did not get through: nothing of it is lost, and nothing that is there is hidden by it.
import type { Page } from "@playwright/test";
import { composer, expect, finished, hold, lastText, refuseNext, replies, said, seenAgain, send, test } from "./page";

const sending = /\/api\/v1\/(chat|conversations\/[^/]+\/messages)$/;
const texts = (page: Page) => replies(page).locator(".prose");
const tryAgain = (page: Page) => page.getByRole("button", { name: "Try again" });

test("after a refusal one can say something else, and then try again", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  await refuseNext(page, sending);
  await send(page, "Apples");
  await expect(page.getByRole("alert")).toContainText("Try again in 7 seconds");
  await send(page, "Pears");
  await expect(texts(page)).toHaveText(["You said: Hello", "You said: Pears"]);
  await tryAgain(page).click();
  await expect(lastText(page)).toHaveText("You said: Apples");
  await finished(page);
  await page.reload();
  await expect(page.locator(".said")).toHaveText(["Hello", "Pears", "Apples"]);
});

test("a first message that was refused goes into the conversation the next one made", async ({ home: page }) => {
  await refuseNext(page, sending);
  await send(page, "Apples");
  await expect(tryAgain(page)).toBeVisible();
  await send(page, "Pears");
  await expect(texts(page)).toHaveText(["You said: Pears"]);
  const address = page.url();
  await tryAgain(page).click();
  await expect(lastText(page)).toHaveText("You said: Apples");
  await finished(page);
  expect(page.url()).toBe(address);
  await expect(page.locator(".said")).toHaveText(["Pears", "Apples"]);
  await expect(page.getByRole("navigation", { name: "Conversations" }).getByRole("link")).toHaveCount(1);
});

test("another reply that is refused hides nothing", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  await page.getByRole("button", { name: "Another reply" }).click();
  await expect(page.getByText("2 / 2")).toBeVisible();
  await finished(page);
  await refuseNext(page, /\/regenerate$/);
  await page.getByRole("button", { name: "Another reply" }).click();
  await expect(tryAgain(page)).toBeVisible();
  await expect(replies(page).first()).toContainText("You said: Hello");
  await expect(page.getByText("2 / 2")).toBeVisible();
  await tryAgain(page).click();
  await expect(page.getByText("3 / 3")).toBeVisible();
  await expect(replies(page)).toHaveCount(1);
});

test("an edit that is refused keeps both versions, and going on from there does not tear the branch", async ({ home: page }) => {
  await send(page, "Apples");
  await finished(page);
  await refuseNext(page, /\/edit$/);
  await composer(page).press("ArrowUp");
  await page.getByRole("textbox", { name: "Edit your message" }).fill("Pears");
  await page.keyboard.press("Enter");
  await expect(tryAgain(page)).toBeVisible();
  await expect(page.locator(".said")).toHaveText(["Apples", "Pears"]);
  await seenAgain(page);
  await send(page, "Plums");
  await expect(texts(page)).toHaveText(["You said: Apples", "You said: Plums"]);
  await expect(page.locator(".said")).toHaveText(["Apples", "Plums", "Pears"]);
  await tryAgain(page).click();
  await expect(lastText(page)).toHaveText("You said: Pears");
  await expect(page.locator(".said")).toHaveText(["Pears"]);
  await expect(said(page).getByText("2 / 2")).toBeVisible();
});

test("a refused message is still there after a look at another tab, and after a look elsewhere", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  await refuseNext(page, sending);
  await send(page, "Apples");
  await expect(tryAgain(page)).toBeVisible();
  const read = page.waitForResponse(/\/messages$/);
  await seenAgain(page);
  await (await read).finished();
  await composer(page).fill("and this");
  await expect(tryAgain(page)).toBeVisible();
  await expect(page.locator(".said")).toHaveText(["Hello", "Apples"]);

  await page.keyboard.press("Control+Shift+O");
  await expect(composer(page)).toHaveValue("");
  await page.goBack();
  await expect(composer(page)).toHaveValue("Apples\n\nand this");
});

test("what was read before a quick exchange does not take it off the screen", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const asked = page.waitForRequest((request) => request.method() === "GET" && request.url().endsWith("/messages"));
  await page.route(/\/messages$/, async (route) => {
    if (route.request().method() !== "GET") return route.continue();
    const response = await route.fetch();
    await answered;
    await route.fulfill({ response }).catch(() => {});
  });
  await seenAgain(page);
  await asked;
  await send(page, "Apples");
  await expect(lastText(page)).toHaveText("You said: Apples");
  await finished(page);
  answer();
  await page.unrouteAll({ behavior: "wait" });
  await expect(page.locator(".said")).toHaveText(["Hello", "Apples"]);
});

test("what is typed while the first message is on its way is kept", async ({ home: page }) => {
  const release = await hold(page, "**/api/v1/chat");
  await send(page, "Hello");
  await expect(said(page)).toContainText("Hello");
  await composer(page).fill("and another thing");
  await release();
  await finished(page);
  await page.keyboard.press("Control+Shift+O");
  await expect(composer(page)).toHaveValue("");
  await page.goBack();
  await expect(composer(page)).toHaveValue("and another thing");
});

test("what is typed outlives another reply", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  await composer(page).fill("half a thought");
  await page.getByRole("button", { name: "Another reply" }).click();
  await expect(page.getByText("2 / 2")).toBeVisible();
  await page.reload();
  await expect(composer(page)).toHaveValue("half a thought");
});

test("a conversation deleted elsewhere says so, and hands on what was typed in it", async ({ home: page, house }) => {
  await send(page, "Hello");
  await finished(page);
  await composer(page).fill("half a thought");
  const id = page.url().split("/").at(-1);
  expect((await page.request.delete(`/api/v1/conversations/${id}`, { headers: { origin: house.url } })).status()).toBe(204);
  await seenAgain(page);
  await expect(page.getByRole("alert")).toContainText("This conversation does not exist");
  await expect(replies(page)).toHaveCount(1);
  await page.getByRole("alert").getByRole("button", { name: "New conversation" }).click();
  await expect(page).toHaveURL(/\/$/);
  await expect(composer(page)).toHaveValue("half a thought");
});

test("what is sent to a conversation deleted elsewhere is not lost", async ({ home: page, house }) => {
  await send(page, "Hello");
  await finished(page);
  const id = page.url().split("/").at(-1);
  expect((await page.request.delete(`/api/v1/conversations/${id}`, { headers: { origin: house.url } })).status()).toBe(204);
  await send(page, "and goodbye");
  await page.getByRole("alert").getByRole("button", { name: "New conversation" }).click();
  await expect(composer(page)).toHaveValue("and goodbye");
});
