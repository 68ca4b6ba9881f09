// What people may spend: set, shown where one writes, refused when it does not suffice, topped up.
import { sideways, sound } from "./axe";
import { ask, list, test } from "./mine";
import { composer, expect, finished, password, replies, send, signIn } from "./page";

const rules = { enabled: true, price: { kind: "per_message", per_message: 40 }, start: 100, refill: { every: "never" }, when_empty: "refuse" };

test("an allowance is switched on, shown, spent, refused, and topped up", async ({ page, mine, browser }) => {
  test.slow();
  await page.goto(`${mine.url}/house/settings`);
  await page.getByLabel("Replies cost tokens of an allowance").check();
  await page.getByRole("radio", { name: "Each the same" }).check();
  await page.getByLabel("For a reply").fill("40");
  await page.getByLabel("What a new account begins with").fill("100");
  await page.getByLabel("Refilled").selectOption("never");
  await page.getByRole("radio", { name: "is refused, and told what is missing" }).check();
  await page.getByRole("button", { name: "Save" }).last().click();
  await expect(page.getByText("The settings are saved.")).toBeVisible();
  const { user } = await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password });

  const hers = await (await browser.newContext()).newPage();
  await hers.goto(`${mine.url}/sign-in`);
  await signIn(hers, "ada");
  await expect(hers.getByRole("link", { name: "100 tokens left" })).toBeVisible();
  for (const left of ["60", "20"]) {
    await send(hers, "Hello");
    await finished(hers);
    await expect(hers.getByRole("link", { name: `${left} tokens left` })).toBeVisible();
  }
  await expect(replies(hers).last()).toContainText("cost 40");
  await send(hers, "And once more");
  await expect(hers.getByRole("alert")).toContainText("it takes 40 tokens, and you have 20");
  await expect(hers.getByRole("alert")).toContainText("Ask whoever runs this house for more.");
  await sound(hers, "an allowance that does not suffice");

  await page.goto(`${mine.url}/house/people/${user.id}`);
  await page.getByLabel("Add tokens").fill("500");
  await page.getByLabel("Note").fill("for the essay");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByText("520 tokens left")).toBeVisible();
  await expect(list(page, "Entries").first()).toContainText("Topped up");
  await sound(page, "somebody's allowance");
  const theirs = page.getByRole("form", { name: "What comes by itself" });
  await theirs.getByLabel("Refilled").selectOption("every month");
  await theirs.getByLabel("With").fill("900");
  await theirs.getByLabel("Fill up to this amount").check();
  await theirs.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("It is filled up to 900 every month.")).toBeVisible();
  await theirs.getByLabel("Refilled").selectOption("As the house gives everybody");
  await theirs.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Nothing comes by itself.")).toBeVisible();

  await hers.getByRole("button", { name: "Try again" }).click();
  await finished(hers);
  await hers.getByRole("link", { name: "480 tokens left" }).click();
  await expect(hers.getByText("A reply costs 40.")).toBeVisible();
  await expect(list(hers, "Entries").nth(1)).toContainText("for the essay");
  await sound(hers, "one's own allowance");
  await hers.setViewportSize({ width: 360, height: 740 });
  expect(await sideways(hers)).toBe(0);
  await hers.context().close();
});

test("a group gets a budget that is charged beside its people, and loses it", async ({ page, mine }) => {
  await ask(page.request, mine, "PATCH", "/admin/settings", { allowance: rules });
  const group = await ask(page.request, mine, "POST", "/admin/groups", { name: "Class 7b" });
  await page.goto(`${mine.url}/house/groups/${group.id}`);
  await page.getByLabel("Tokens", { exact: true }).fill("3000");
  await page.getByRole("button", { name: "Give a budget" }).click();
  await expect(page.getByText("3,000 tokens left")).toBeVisible();
  await page.getByLabel("Add tokens").fill("-1000");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByText("2,000 tokens left")).toBeVisible();
  await sound(page, "a group's budget");
  const { user } = await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password, group_ids: [group.id] });
  await page.goto(`${mine.url}/house/people/${user.id}`);
  await expect(page.getByText("The group “Class 7b” pays too, and has 2,000 tokens left.")).toBeVisible();
  await page.goBack();
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await sideways(page)).toBe(0);
  await page.getByRole("button", { name: "Take the budget away" }).click();
  await expect(page.getByRole("button", { name: "Give a budget" })).toBeVisible();
});

test("where replies cost nothing nothing is said of it", async ({ page, mine }) => {
  await page.goto(`${mine.url}/`);
  await expect(composer(page)).toBeVisible();
  await expect(page.getByText("tokens left")).toHaveCount(0);
  await page.goto(`${mine.url}/account/allowance`);
  await expect(page.getByText("Replies cost nothing in this house.")).toBeVisible();
});
