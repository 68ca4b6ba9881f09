// Talking: streaming, coming back, stopping, branches.
import { startHouse } from "./house";
import { composer, expect, finished, hold, lastText, refuseNext, replies, said, send, setUp, signIn, test } from "./page";
import { startProxy } from "./proxy";
import { words } from "./replies";

test("a reload in mid-reply goes on without gap or repeat", async ({ home: page }) => {
  await send(page, "Say it slowly");
  await expect(lastText(page)).toContainText("word20");
  await page.reload();
  await expect(lastText(page)).toContainText("word20");
  await expect(replies(page).last().getByText(/tok\/s|Writing|Waiting/)).toBeVisible();
  await finished(page);
  expect((await lastText(page).innerText()).trim()).toBe(words(120));
});

test("a broken connection is taken up again without gap or repeat", async ({ page, person, house }) => {
  expect(person.username).toBeTruthy();
  const proxy = await startProxy(house.url);
  try {
    await page.goto(proxy.url);
    await send(page, "Say it slowly");
    await expect(lastText(page)).toContainText("word10");
    const attached = page.waitForRequest(/\/events$/);
    proxy.cut();
    expect((await attached).headers()["last-event-id"]).toBeDefined();
    await finished(page);
    expect((await lastText(page).innerText()).trim()).toBe(words(120));
  } finally {
    await proxy.stop();
  }
});

test("conversations left before they are open do not go on being read", async ({ home: page }) => {
  await send(page, "Go on for ever");
  await expect(lastText(page)).toContainText("word3");
  const list = page.getByRole("navigation", { name: "Conversations" });
  await page.keyboard.press("Control+Shift+O");
  const attached: string[] = [];
  page.on("request", (request) => request.url().endsWith("/events") && attached.push(request.url()));
  const release = await hold(page, /\/conversations\/[^/]+\/messages$/);
  for (let visit = 0; visit < 8; visit++) {
    await list.getByRole("link").click();
    await expect(page).toHaveURL(/\/c\//);
    await page.keyboard.press("Control+Shift+O");
    await expect(page).toHaveURL(/\/$/);
  }
  await release();
  await list.getByRole("link").click();
  await expect(lastText(page)).toContainText("word5");
  expect(attached).toHaveLength(1);
  await page.keyboard.press("Escape");
  await expect(page.getByText("You stopped this reply.")).toBeVisible();
});

test("a killed house keeps the text, and the reply can go on when it is back", async ({ page }) => {
  const house = await startHouse();
  try {
    const { username } = await setUp(house);
    await page.goto(`${house.url}/sign-in`);
    await signIn(page, username);
    await send(page, "Go on for ever");
    await expect(lastText(page)).toContainText("word30");
    await house.killAndStartAgain();
    await expect(page.getByText("This reply was interrupted.", { exact: false })).toBeVisible({ timeout: 15_000 });
    const kept = (await lastText(page).innerText()).trim();
    expect(kept.length).toBeGreaterThan(0);
    expect(words(2000).startsWith(kept)).toBe(true);
    await page.getByRole("button", { name: "Continue" }).click();
    await expect.poll(async () => (await lastText(page).innerText()).trim().length).toBeGreaterThan(kept.length + 20);
    expect(words(2000).startsWith((await lastText(page).innerText()).trim())).toBe(true);
  } finally {
    await house.stop();
  }
});

test("another tab attaches to the same reply", async ({ home: page, context }) => {
  await send(page, "Say it slowly");
  await expect(lastText(page)).toContainText("word5");
  const second = await context.newPage();
  await second.goto(page.url());
  await expect(lastText(second)).toContainText("word15");
  await finished(second);
  expect((await lastText(second).innerText()).trim()).toBe(words(120));
});

test("finished blocks are not drawn again", async ({ home: page }) => {
  await send(page, "Answer richly");
  const first = lastText(page).locator("p").first();
  await expect(lastText(page).locator("table")).toBeVisible();
  await first.evaluate((node) => ((node as HTMLElement & { mark?: boolean }).mark = true));
  await finished(page);
  expect(await first.evaluate((node) => (node as HTMLElement & { mark?: boolean }).mark)).toBe(true);
});

test("Markdown is shown and can do nothing", async ({ home: page }) => {
  await send(page, "Answer richly");
  await finished(page);
  const reply = lastText(page);
  await expect(reply.locator("table td").first()).toHaveText("26 °C");
  await expect(reply.locator("code .hljs-keyword").first()).toHaveText("def");
  await expect(reply.getByRole("checkbox")).toHaveCount(2);
  await expect(reply.locator("img")).toHaveCount(0);
  await expect(reply.getByRole("link", { name: "a link" })).toHaveAttribute("rel", "noopener noreferrer");
  await expect(reply.getByRole("link", { name: "loaf" })).toBeVisible();
  expect(await page.evaluate(() => "hacked" in window)).toBe(false);
  const figure = reply.locator("figure");
  await figure.getByRole("button", { name: "Wrap" }).click();
  await expect(figure).toHaveAttribute("data-wrap", "");
});

test("every language in a block gets its colours, also one that comes later", async ({ home: page }) => {
  await send(page, "Answer in two languages");
  await finished(page);
  await expect(lastText(page).locator(".hljs-keyword")).toHaveText(["def", "pass", "const"]);
});

test("a stop that does not get through can be asked for again", async ({ home: page }) => {
  await send(page, "Go on for ever");
  await expect(lastText(page)).toContainText("word3");
  await refuseNext(page, /\/stop$/);
  const stop = page.getByRole("button", { name: "Stop" });
  await stop.click();
  await expect(page.getByText("The house is busy just now.", { exact: false })).toBeVisible();
  await expect(stop).toBeEnabled();
  await stop.click();
  await expect(page.getByText("You stopped this reply.")).toBeVisible();
});

test("a stop asked for before the message has arrived is kept to", async ({ home: page }) => {
  const release = await hold(page, "**/api/v1/chat");
  await send(page, "Go on for ever");
  await page.getByRole("button", { name: "Stop" }).click();
  await release();
  await expect(page.getByText("You stopped this reply.")).toBeVisible();
});

test("stop with Esc, then continue", async ({ home: page }) => {
  await send(page, "Go on for ever");
  await expect(lastText(page)).toContainText("word5");
  // The first Esc belongs to what is open.
  await page.keyboard.press("Control+/");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.getByRole("button", { name: /^Model:/ }).click();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("menu")).toBeHidden();
  await expect(page.getByRole("button", { name: "Stop" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByText("You stopped this reply.")).toBeVisible();
  const kept = (await lastText(page).innerText()).trim();
  expect(words(2000).startsWith(kept)).toBe(true);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("button", { name: "Stop" })).toBeVisible();
  await expect.poll(async () => (await lastText(page).innerText()).trim().length).toBeGreaterThan(kept.length);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByText("You stopped this reply.")).toBeVisible();
});

test("another reply makes a branch, and the arrows step between", async ({ home: page }) => {
  await send(page, "First question");
  await finished(page);
  await page.getByRole("button", { name: "Another reply" }).click();
  await expect(page.getByText("2 / 2")).toBeVisible();
  await finished(page);
  await page.getByRole("button", { name: "Previous version" }).click();
  await expect(page.getByText("1 / 2")).toBeVisible();
  await page.reload();
  await expect(page.getByText("1 / 2")).toBeVisible();
});

test("editing a message makes a branch with a reply of its own", async ({ home: page }) => {
  await send(page, "Apples");
  await finished(page);
  await composer(page).press("ArrowUp");
  const editor = page.getByRole("textbox", { name: "Edit your message" });
  await expect(editor).toBeFocused();
  await editor.fill("Pears");
  await editor.press("Enter");
  await expect(said(page)).toContainText("Pears");
  await expect(lastText(page)).toContainText("Pears");
  await finished(page);
  await said(page).getByRole("button", { name: "Previous version" }).click();
  await expect(said(page)).toContainText("Apples");
  await expect(lastText(page)).toContainText("Apples");
});

test("what is typed stays with its conversation", async ({ home: page }) => {
  await send(page, "Hello");
  await finished(page);
  await composer(page).fill("not sent yet");
  await page.keyboard.press("Control+Shift+O");
  await expect(page).toHaveURL(/\/$/);
  await expect(composer(page)).toHaveValue("");
  await page.goBack();
  await expect(composer(page)).toHaveValue("not sent yet");
});

test("the keyboard alone is enough", async ({ home: page }) => {
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type("Two");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("lines");
  await page.keyboard.press("Enter");
  await expect(said(page)).toContainText("Two\nlines", { useInnerText: true });
  await finished(page);
  await page.keyboard.press("Control+/");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(composer(page)).toBeFocused();
  await page.keyboard.press("Control+Shift+C");
  await expect(page.getByText("The last reply is copied.")).toBeVisible();
});

test("the view follows only a reader who is at the end", async ({ home: page }) => {
  await send(page, "Go on for ever");
  const view = page.getByRole("region", { name: "Messages" });
  const atEnd = () => view.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight < 40);
  await page.setViewportSize({ width: 500, height: 360 });
  await expect.poll(() => view.evaluate((node) => node.scrollHeight > node.clientHeight + 200), { timeout: 15_000 }).toBe(true);
  expect(await atEnd()).toBe(true);
  await view.hover();
  await page.mouse.wheel(0, -150);
  const jump = page.getByRole("button", { name: "Jump to the end" });
  await expect(jump).toBeVisible();
  await page.waitForTimeout(300);
  expect(await atEnd()).toBe(false);
  await jump.click();
  await expect(jump).toBeHidden();
  await expect.poll(atEnd).toBe(true);
  await page.keyboard.press("Escape");
});

test("what went wrong stands where the reply would, with the way on", async ({ home: page }) => {
  await send(page, "Please break off");
  const failed = replies(page).last();
  await expect(failed.getByRole("alert")).toBeVisible();
  expect((await lastText(page).innerText()).trim()).toBe(words(10));
  await failed.getByRole("button", { name: "Continue" }).click();
  await finished(page);
  expect((await lastText(page).innerText()).trim()).toBe(words(30));

  await send(page, "This is too much");
  await expect(replies(page).last().getByRole("alert")).toContainText("longer than this model can hold");
  await expect(replies(page).last().getByRole("alert").getByRole("button", { name: "Try again" })).toBeVisible();
});

test("a message that did not get through can be sent again", async ({ page, person, context }) => {
  expect(person.username).toBeTruthy();
  await page.clock.install();
  await page.goto("/");
  await expect(composer(page)).toBeVisible();
  await context.setOffline(true);
  await send(page, "Into the void");
  // The page waits longer after each try; here nobody has to.
  await expect(async () => {
    await page.clock.fastForward(10_000);
    await expect(replies(page).getByRole("alert")).toContainText("does not answer", { timeout: 200 });
  }).toPass();
  await context.setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await finished(page);
  await expect(said(page)).toHaveCount(1);
  await expect(page).toHaveURL(/\/c\/.+/);
});
