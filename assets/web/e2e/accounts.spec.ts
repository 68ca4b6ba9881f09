// Several people at one browser: nobody meets what belongs to the one before.
import { composer, expect, finished, register, seenAgain, send, signIn, signOut, test } from "./page";

test("a tab follows when somebody else signs in in another one", async ({ home: page, person, house, context }) => {
  const other = await register(page, house);
  const second = await context.newPage();
  await second.goto("/");
  await expect(second.getByRole("button", { name: `Account of ${other.username}` })).toBeVisible();
  await signOut(second);
  await expect(page.getByRole("heading", { name: "Welcome home" })).toBeVisible();
  await signIn(second, person.username);
  await expect(page.getByRole("button", { name: `Account of ${person.username}` })).toBeVisible();
});

test("a tab that missed it finds out when it is seen again", async ({ home: page, person, house }) => {
  await expect(page.getByRole("button", { name: `Account of ${person.username}` })).toBeVisible();
  const other = await register(page, house);
  await seenAgain(page);
  await expect(page.getByRole("button", { name: `Account of ${other.username}` })).toBeVisible();
});

test("who signs in next finds nothing of the one before", async ({ home: page, person, house }) => {
  const list = page.getByRole("navigation", { name: "Conversations" });
  await send(page, "Secret plans");
  await finished(page);
  await expect(page).toHaveTitle(/Secret plans/);
  await page.keyboard.press("Control+Shift+O");
  await composer(page).fill("unsent words");
  await list.getByRole("link").hover();
  await list.getByRole("button", { name: /^Actions for/ }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await expect(page.getByRole("button", { name: "Undo" })).toBeVisible();

  await signOut(page);
  await expect(page).toHaveTitle("Chatelaine");
  await expect(page.getByText("Secret plans")).toHaveCount(0);
  await register(page, house);
  await page.goto("/");
  await expect(composer(page)).toHaveValue("");

  await signOut(page);
  await signIn(page, person.username);
  await expect(list.getByText("What you talk about will be listed here.")).toBeVisible();
});

test("the words of somebody whose session ended wait for them, and for nobody else", async ({ home: page, person, house, context }) => {
  const end = async () => {
    await context.clearCookies();
    await seenAgain(page);
    await expect(page.getByText("Your session has ended.", { exact: false })).toBeVisible();
  };
  await composer(page).fill("unsent words");
  await end();
  await signIn(page, person.username);
  await expect(composer(page)).toHaveValue("unsent words");
  await end();
  const other = await register(page, house);
  await context.clearCookies();
  await signIn(page, other.username);
  await expect(composer(page)).toHaveValue("");
});
