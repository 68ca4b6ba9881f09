// What is one's own stays so: taken along whole, and opened by others only where one is told.
import { readFile } from "node:fs/promises";
import { sound } from "./axe";
import { ask, list, test } from "./mine";
import { expect, finished, password, send, signIn } from "./page";

test("everything one has can be taken along", async ({ page, mine }) => {
  await page.goto(`${mine.url}/`);
  await send(page, "Remember the figs");
  await finished(page);
  await page.goto(`${mine.url}/account/data`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download" }).click()]);
  const all = JSON.parse(await readFile(await download.path(), "utf8"));
  expect(all.user.username).toBe("keeper");
  expect(JSON.stringify(all.conversations)).toContain("Remember the figs");
});

test("an administrator opens somebody's conversations only where that is allowed, and they are told", async ({ page, mine, browser }) => {
  const { user } = await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password });
  const hers = await (await browser.newContext()).newPage();
  await hers.goto(`${mine.url}/sign-in`);
  await signIn(hers, "ada");
  await send(hers, "Remember the figs");
  await finished(hers);
  await page.goto(`${mine.url}/house/people/${user.id}`);
  await expect(page.getByRole("button", { name: "Shut out" })).toBeVisible();
  await expect(page.getByLabel("Reason")).toHaveCount(0);

  await page.goto(`${mine.url}/house/settings`);
  await page.getByLabel("Administrators may open others' conversations").check();
  await page.getByRole("button", { name: "Save" }).nth(1).click();
  await expect(page.getByText("The settings are saved.")).toBeVisible();
  await page.goto(`${mine.url}/house/people/${user.id}`);
  await page.getByLabel("Reason").fill("She is missing since Monday");
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await list(page, "Conversations").getByRole("button").click();
  await expect(list(page, "Conversations").locator("dd").first()).toHaveText("Remember the figs");
  await sound(page, "somebody's conversations");

  await hers.reload();
  const notices = hers.getByText(/^keeper (opened|looked through)/);
  await expect(notices).toHaveCount(2);
  await expect(notices.first()).toContainText("She is missing since Monday");
  await sound(hers, "a notice");
  await hers.getByRole("button", { name: "I have seen it" }).first().click();
  await expect(notices).toHaveCount(1);
  await hers.reload();
  await expect(notices).toHaveCount(1);
  await ask(page.request, mine, "POST", `/admin/users/${user.id}/conversations`, { reason: "Still missing" });
  await hers.reload();
  await expect(notices).toHaveCount(2);
  await hers.getByRole("button", { name: "I have seen them all" }).click();
  await expect(notices).toHaveCount(0);
  await hers.context().close();
});
