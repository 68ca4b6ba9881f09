// For everybody: narrow screens, screen readers, a strict policy.
import { sideways, sound } from "./axe";
import { startHouse } from "./house";
import { composer, expect, finished, lastText, send, test } from "./page";

test("axe finds nothing on the pages before signing in", async ({ page }) => {
  test.slow();
  const house = await startHouse();
  try {
    await page.goto(`${house.url}/`);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await sound(page, "needs set-up");
    await page.goto(house.setupLink);
    await expect(page.getByLabel("User name")).toBeVisible();
    await sound(page, "set-up");
  } finally {
    await house.stop();
  }
  await page.goto("/sign-in");
  await page.getByLabel("Password").fill("x");
  await page.getByLabel("User name or e-mail").fill("nobody");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await sound(page, "sign in");
  await page.goto("/register");
  await expect(page.getByLabel("User name")).toBeVisible();
  await sound(page, "register");
});

test("axe finds nothing inside", async ({ home: page }) => {
  test.slow();
  await sound(page, "new conversation");
  await send(page, "Answer richly");
  await finished(page);
  await sound(page, "conversation");
  await page.getByRole("button", { name: /^Model:/ }).click();
  await sound(page, "models");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^Account of/ }).click();
  await sound(page, "account menu");
  await page.keyboard.press("Escape");
  await page.goto("/nowhere");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await sound(page, "unknown address");
});

test("nothing scrolls sideways on a phone, and the list is a drawer", async ({ home: page, context }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await sideways(page)).toBe(0);
  await send(page, "Answer richly");
  await finished(page);
  expect(await sideways(page)).toBe(0);
  await expect(page.getByRole("navigation", { name: "Conversations" })).toBeHidden();
  await page.getByRole("button", { name: "Show conversations" }).click();
  await expect(page.getByRole("navigation", { name: "Conversations" })).toBeVisible();
  await sound(page, "drawer");
  const small = await page.locator("button:visible, nav a:visible").evaluateAll((nodes) =>
    nodes.filter((node) => node.getBoundingClientRect().height < 40 && !node.closest("[inert]")).map((node) => node.outerHTML.slice(0, 120)),
  );
  expect(small).toEqual([]);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("navigation", { name: "Conversations" })).toBeHidden();
  await context.clearCookies();
  await page.goto("/sign-in");
  await expect(page.getByLabel("Password")).toBeVisible();
  expect(await sideways(page)).toBe(0);
});

test("the policy allows nothing from elsewhere, and the page keeps to it", async ({ page, house }) => {
  const answer = await page.goto("/");
  expect(answer?.headers()["content-security-policy"]).toContain("default-src 'none'");
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.reload();
  await expect(page.getByLabel("Password")).toBeVisible();
  expect(asked.filter((url) => !url.startsWith(house.url))).toEqual([]);
});

test("the page can be typed in before what shows replies has arrived", async ({ home: page }) => {
  await send(page, "Answer richly");
  await finished(page);
  let arrive = () => {};
  const asked = new Promise<void>((resolve) => (arrive = resolve));
  await page.route("**/MarkdownText-*.js", (route) => asked.then(() => route.continue()));
  await page.reload();
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type("A question");
  await expect(composer(page)).toHaveValue("A question");
  await expect(page.getByText("Here is a **short** answer")).toBeVisible();
  arrive();
  await expect(page.getByText("Here is a short answer")).toBeVisible();
});

test("a growing reply is read aloud sentence by sentence", async ({ page, person }) => {
  expect(person.username).toBeTruthy();
  await page.clock.install();
  await page.goto("/");
  await send(page, "Tell me a tale");
  const spoken = page.locator("[aria-live=polite].sr-only");
  for (let sentence = 1; sentence <= 4; sentence++) {
    await expect(lastText(page)).toContainText(`Sentence ${sentence} ends.`);
    await page.clock.fastForward(1500);
  }
  await expect(spoken).toContainText("Sentence 1 ends.");
  await expect(page.getByRole("button", { name: "Stop" })).toBeVisible();
  await page.getByRole("button", { name: "Stop" }).click();
});

test.describe("with fingers", () => {
  test.use({ hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } });

  test("Enter begins a new line, and the button sends", async ({ home: page }) => {
    await composer(page).tap();
    await page.keyboard.type("Two");
    await page.keyboard.press("Enter");
    await page.keyboard.type("lines");
    await expect(composer(page)).toHaveValue("Two\nlines");
    await page.getByRole("button", { name: "Send" }).tap();
    await finished(page);
    await page.getByRole("button", { name: "Edit" }).tap();
    const editor = page.getByRole("textbox", { name: "Edit your message" });
    await editor.press("Enter");
    await expect(editor).toHaveValue("Two\nlines\n");
  });
});
