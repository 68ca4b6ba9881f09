// The house's pages about people: accounts, groups, registration keys, requests, and the pages
// somebody meets on their way in.
import { readFile } from "node:fs/promises";
import { sideways, sound } from "./axe";
import { ask, list, test } from "./mine";
import { composer, expect, password, signIn } from "./page";

test("an account is made, found, given a role and a group, shut out, let in again, and deleted", async ({ page, mine }) => {
  const { url } = mine;
  const group = await ask(page.request, mine, "POST", "/admin/groups", { name: "Class 7b" });
  await page.goto(`${url}/house/people`);
  await page.getByRole("button", { name: "New account" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("User name").fill("ada");
  await dialog.getByLabel("Password").fill("password");
  await dialog.getByRole("button", { name: "Make account" }).click();
  await expect(dialog.getByText("Many people use this password", { exact: false })).toBeVisible();
  await dialog.getByLabel("Password").fill(password);
  await dialog.getByRole("button", { name: "Make account" }).click();
  await expect(list(page, "People")).toHaveCount(2);
  await page.getByLabel("Search by name or e-mail").fill("ad");
  await expect(list(page, "People")).toHaveCount(1);
  await page.getByRole("link", { name: /^ada/ }).click();

  await page.getByLabel("Role").selectOption("Auditor");
  await page.getByLabel("Class 7b").check();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("Role")).toHaveValue("auditor");
  await expect(page.getByLabel("Class 7b")).toBeChecked();
  const id = page.url().split("/").at(-1);
  expect(await ask(page.request, mine, "GET", `/admin/users/${id}`)).toMatchObject({ group_ids: [group.id] });

  await page.getByRole("button", { name: "Shut out" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Shut out" }).click();
  await expect(page.getByText("shut out", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Let in again" }).click();
  await expect(page.getByText("shut out", { exact: true })).toHaveCount(0);

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL(`${url}/house/people`);
  await expect(list(page, "People")).toHaveCount(1);
});

test("a name and an e-mail are corrected, and one's own e-mail is not changed there", async ({ page, mine }) => {
  const { user } = await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password, email: "ada@exmaple.org" });
  await page.goto(`${mine.url}/house/people/${user.id}`);
  const save = page.getByRole("button", { name: "Save" });
  await expect(page.getByText("Not confirmed.")).toBeVisible();
  await expect(save).toBeDisabled();
  await page.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
  await page.getByLabel("E-mail").fill("keeper");
  await expect(page.getByText("It holds at once and counts as not confirmed.", { exact: false })).toBeVisible();
  await page.getByLabel("E-mail").fill("ada@example.org");
  await save.click();
  await expect(page.getByRole("heading", { level: 2, name: "Ada Lovelace" })).toBeVisible();
  await expect(save).toBeDisabled();
  await page.reload();
  await expect(page.getByLabel("E-mail")).toHaveValue("ada@example.org");

  const other = await ask(page.request, mine, "POST", "/admin/users", { username: "grace", password });
  await page.goto(`${mine.url}/house/people/${other.user.id}`);
  await page.getByLabel("E-mail").fill("ada@example.org");
  await save.click();
  await expect(page.getByText("There is an account with this e-mail address already.")).toBeVisible();
  await expect(page.getByLabel("E-mail")).toBeFocused();

  await page.goto(`${mine.url}/house/people`);
  await page.getByRole("link", { name: /^keeper/ }).click();
  await expect(page.getByLabel("E-mail")).toBeDisabled();
  await page.getByLabel("Name", { exact: true }).fill("The keeper");
  await save.click();
  await expect(page.getByRole("button", { name: "Account of The keeper" })).toBeVisible();
});

test("a forgotten password is set anew by a link that an administrator hands on", async ({ page, mine, browser }) => {
  const { user } = await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password });
  await page.goto(`${mine.url}/house/people/${user.id}`);
  await page.getByRole("button", { name: "Make link" }).click();
  const link = new URL(await page.getByLabel("Link", { exact: true }).inputValue());

  const hers = await (await browser.newContext()).newPage();
  await hers.goto(`${mine.url}/sign-in`);
  await hers.getByRole("link", { name: "Forgotten the password?" }).click();
  await expect(hers.getByRole("heading", { name: "This house sends no mail" })).toBeVisible();
  await sound(hers, "whom to ask");

  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Make link" }).click();
  await expect(page.getByLabel("Link", { exact: true })).not.toHaveValue(link.href);
  const newest = new URL(await page.getByLabel("Link", { exact: true }).inputValue());
  await hers.goto(mine.url + newest.pathname + newest.search);
  await expect(hers).toHaveURL(/\/reset-password$/);
  await sound(hers, "a new password");
  await hers.getByLabel("New password").fill("another lantern entirely");
  await hers.getByRole("button", { name: "Set password" }).click();
  await expect(hers.getByText("Your new password is set.", { exact: false })).toBeVisible();
  await hers.getByLabel("User name or e-mail").fill("ada");
  await hers.getByLabel("Password").fill("another lantern entirely");
  await hers.keyboard.press("Enter");
  await expect(composer(hers)).toBeVisible();

  await hers.goto(mine.url + link.pathname + link.search);
  await hers.getByLabel("New password").fill("a third lantern altogether");
  await hers.getByRole("button", { name: "Set password" }).click();
  await expect(hers.getByRole("heading", { name: "This link no longer works" })).toBeVisible();
  await hers.context().close();
});

test("keys are made, handed on as a link, used, looked at, and withdrawn", async ({ page, mine, browser }) => {
  await ask(page.request, mine, "PATCH", "/admin/settings", { registration: { mode: "key" } });
  await page.goto(`${mine.url}/house/keys`);
  await page.getByRole("button", { name: "Make keys" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Note").fill("for the neighbours");
  await dialog.getByRole("button", { name: "Make keys" }).click();
  const link = new URL(await dialog.getByLabel("Link with the key").inputValue());
  await dialog.getByRole("button", { name: "Done" }).click();
  const row = list(page, "Registration keys");
  await expect(row).toContainText("for the neighbours");
  await expect(row.getByRole("button", { name: "0 of 1 used" })).toBeDisabled();

  const theirs = await (await browser.newContext()).newPage();
  await theirs.goto(`${mine.url}/register`);
  await theirs.getByLabel("Registration key").fill("12345-12345-12345");
  await theirs.getByLabel("User name").fill("neighbour");
  await theirs.getByLabel("Password").fill(password);
  await theirs.getByRole("button", { name: "Make account" }).click();
  await expect(theirs.getByText("There is no such registration key", { exact: false })).toBeVisible();
  await expect(theirs.getByLabel("Registration key")).toBeFocused();
  await sound(theirs, "register with a key");
  await theirs.goto(mine.url + link.pathname + link.search);
  await expect(theirs.getByLabel("Registration key")).not.toHaveValue("");
  await expect(theirs).toHaveURL(/\/register$/);
  await theirs.getByLabel("User name").fill("neighbour");
  await theirs.getByLabel("Password").fill(password);
  await theirs.getByRole("button", { name: "Make account" }).click();
  await expect(composer(theirs)).toBeVisible();
  await theirs.context().close();

  await page.reload();
  await row.getByRole("button", { name: "1 of 1 used" }).click();
  await expect(list(page, "Who used this key")).toContainText("neighbour");
  await expect(row.first()).toContainText("used up");

  await page.getByRole("button", { name: "Make keys" }).click();
  await dialog.getByLabel("How many").fill("40");
  await dialog.getByLabel("Accounts per key").fill("3");
  await dialog.getByRole("button", { name: "Make keys" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("button", { name: "Save as a file" }).click()]);
  const saved = (await readFile(await download.path(), "utf8")).trim().split("\n");
  expect(new Set(saved).size).toBe(40);
  await dialog.getByRole("button", { name: "Done" }).click();
  const withdraw = page.getByRole("button", { name: /^Withdraw the key/ }).first();
  await withdraw.click();
  await page.getByRole("dialog").getByRole("button", { name: "Withdraw" }).click();
  await expect(withdraw).toBeDisabled();

  await page.getByLabel("Which").selectOption("Withdrawn");
  await expect(row).toHaveCount(1);
  await page.getByLabel("Which").selectOption("Usable");
  await expect(row).toHaveCount(39);
  await page.getByLabel("Which").selectOption("All");
  await page.getByLabel("Search by note or beginning").fill("NEIGHBOURS");
  await expect(row).toHaveCount(1);
  await expect(row).toContainText("used up");
  await page.getByLabel("Search by note or beginning").fill("nobody's");
  await expect(page.getByText("No key like that.")).toBeVisible();
});

test("keys of a file are taken whole, or its wrong lines are named", async ({ page, mine }) => {
  await page.goto(`${mine.url}/house/keys`);
  await page.getByRole("button", { name: "Load keys" }).click();
  const dialog = page.getByRole("dialog");
  const good = "blue-anchor-7714-meadow";
  const file = (text: string) => ({ name: "keys.txt", mimeType: "text/plain", buffer: Buffer.from(text) });
  await dialog.getByLabel("File").setInputFiles(file(`# our keys\n${good}\nshort\n${good}\n`));
  await dialog.getByRole("button", { name: "Load keys" }).click();
  await expect(list(page, "Wrong lines")).toHaveCount(2);
  await expect(list(page, "Wrong lines").first()).toContainText("Line 3:");
  await expect(list(page, "Wrong lines").last()).toContainText("Line 4: The same key as in line 2.");
  await sound(page, "wrong lines");
  await dialog.getByLabel("File").setInputFiles(file(`${good}\nred-harbour-2231-orchard\n`));
  await dialog.getByRole("button", { name: "Load keys" }).click();
  await expect(page.getByText("2 keys are loaded.")).toBeVisible();
  await expect(list(page, "Registration keys")).toHaveCount(2);
});

test("who asks to be let in waits, is approved, and comes in", async ({ page, mine, browser }) => {
  await ask(page.request, mine, "PATCH", "/admin/settings", { registration: { mode: "open", approval: "always" } });
  const theirs = await (await browser.newContext()).newPage();
  await theirs.goto(`${mine.url}/register`);
  await theirs.getByLabel("User name").fill("cousin");
  await theirs.getByLabel("Password").fill(password);
  await theirs.getByLabel(/^Who are you/).fill("I am your cousin.");
  await theirs.getByRole("button", { name: "Make account" }).click();
  await expect(theirs.getByRole("heading", { name: "Your account waits to be let in" })).toBeVisible();
  await sound(theirs, "waits to be let in");
  await theirs.getByRole("button", { name: "To signing in" }).click();
  await theirs.getByLabel("User name or e-mail").fill("cousin");
  await theirs.getByLabel("Password").fill(password);
  await theirs.keyboard.press("Enter");
  await expect(theirs.getByRole("heading", { name: "Your account waits to be let in" })).toBeVisible();
  await theirs.getByRole("button", { name: "To signing in" }).click();

  await page.goto(`${mine.url}/house`);
  const section = page.getByRole("navigation", { name: "Sections of “House”" }).getByRole("link", { name: "Requests" });
  await expect(section).toHaveAccessibleName(/Somebody waits for a decision\.$/);
  const menu = page.getByRole("button", { name: /^Account of/ });
  await expect(menu).toHaveAccessibleName("Account of keeper. Somebody waits for a decision.");
  await expect(menu).toContainText("1");
  await page.getByRole("link", { name: "Somebody waits for a decision.", exact: true }).click();
  await expect(list(page, "Waiting")).toContainText("I am your cousin.");
  await page.getByRole("button", { name: "Approve cousin" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("Nobody is waiting.")).toBeVisible();
  await expect(list(page, "Decided")).toContainText("by keeper");
  await expect(section).toHaveAccessibleName("Requests");
  await expect(menu).toHaveAccessibleName("Account of keeper");
  await signIn(theirs, "cousin");
  await theirs.context().close();
});

test("looking at a link that decides changes nothing; its buttons do", async ({ page, mine, browser }) => {
  await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password });
  const hers = await (await browser.newContext()).newPage();
  await hers.goto(`${mine.url}/sign-in`);
  await signIn(hers, "ada");
  await hers.goto(`${mine.url}/account/data`);
  await hers.getByLabel(/^Why/).fill("To help with the keys.");
  await hers.getByRole("button", { name: "Ask" }).click();
  await expect(hers.getByText("It waits for a decision.", { exact: false })).toBeVisible();

  await page.goto(`${mine.url}/house/requests`);
  await page.getByRole("button", { name: "Link to decide about ada" }).click();
  const link = new URL(await page.getByLabel("Link", { exact: true }).inputValue());
  const approver = await (await browser.newContext()).newPage();
  for (let look = 0; look < 2; look++) {
    await approver.goto(mine.url + link.pathname);
    await expect(approver.getByText("ada asks to become an administrator.")).toBeVisible();
  }
  await expect(approver.getByText("To help with the keys.")).toBeVisible();
  await sound(approver, "a link that decides");
  await approver.getByLabel(/^A word to them/).fill("Next year, perhaps.");
  await approver.getByRole("button", { name: "Reject" }).click();
  await expect(approver.getByRole("heading", { name: "Rejected" })).toBeVisible();
  await approver.goto(mine.url + link.pathname);
  await expect(approver.getByRole("heading", { name: "This link no longer works" })).toBeVisible();
  await approver.context().close();

  await hers.reload();
  await expect(hers.getByText("Next year, perhaps.")).toBeVisible();
  await expect(hers.getByRole("button", { name: "Ask" })).toBeVisible();
  await hers.context().close();
});

test("a group is made, given rules that hold, and deleted", async ({ page, mine, browser }) => {
  await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password });
  await page.goto(`${mine.url}/house/groups`);
  await page.getByRole("link", { name: /^Everybody/ }).click();
  await page.getByRole("button", { name: "Add a rule" }).click();
  await page.getByLabel("Rule 1: may or may not").selectOption("may not use");
  await page.getByLabel("Rule 1: what kind").selectOption("feature");
  await page.getByLabel("Rule 1: which one").selectOption("API keys");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();

  const hers = await (await browser.newContext()).newPage();
  await hers.goto(`${mine.url}/sign-in`);
  await signIn(hers, "ada");
  await hers.goto(`${mine.url}/account/keys`);
  await hers.getByRole("button", { name: "New key" }).click();
  await hers.getByRole("dialog").getByLabel("Name").fill("robot");
  await hers.getByRole("dialog").getByRole("button", { name: "Make key" }).click();
  await expect(hers.getByRole("dialog").getByRole("alert")).toBeVisible();
  await hers.context().close();

  await page.getByRole("link", { name: "Groups" }).last().click();
  await page.getByRole("button", { name: "New group" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Grown-ups");
  await page.getByRole("dialog").getByRole("button", { name: "Make group" }).click();
  await expect(page.getByRole("heading", { name: "Grown-ups" })).toBeVisible();
  await page.getByRole("button", { name: "Delete the group" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(list(page, "Groups")).toHaveCount(1);
});

test("people are put into a group and taken out on its page", async ({ page, mine }) => {
  const group = await ask(page.request, mine, "POST", "/admin/groups", { name: "Class 7b" });
  const pupils = Array.from({ length: 22 }, (_, number) => `pupil${number + 1}`);
  for (const username of pupils) await ask(page.request, mine, "POST", "/admin/users", { username, password, group_ids: [group.id] });
  await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password, display_name: "Ada" });
  await page.goto(`${mine.url}/house/groups/${group.id}`);
  const members = list(page, "Members");
  await expect(members).toHaveCount(20);
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(members).toHaveCount(22);
  await page.getByLabel("Name", { exact: true }).fill("Class 8b");

  await page.getByRole("button", { name: "Add people" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("is in it").first()).toBeVisible();
  await dialog.getByLabel("Search by name or e-mail").fill("ada");
  await dialog.getByRole("button", { name: "Add Ada" }).click();
  await expect(dialog.getByText("is in it")).toHaveCount(1);
  await expect(dialog.getByText("is in it")).toBeFocused();
  await sound(page, "people to add");
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await sideways(page)).toBe(0);
  await page.setViewportSize({ width: 1280, height: 800 });
  await dialog.getByRole("button", { name: "Close" }).click();
  await expect(page.getByRole("heading", { name: "Members 23" })).toBeVisible();

  await page.getByLabel("Search the members").fill("ada");
  await expect(members).toHaveCount(1);
  await page.getByRole("button", { name: "Take out Ada" }).click();
  await expect(page.getByText("Ada is taken out of the group.")).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(members).toHaveCount(1);
  await page.getByLabel("Search the members").fill("");
  await page.getByRole("button", { name: "Take out pupil1", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Members 22" })).toBeVisible();
  // What was being written above stays.
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Class 8b");
  const found = await ask(page.request, mine, "GET", `/admin/users?group_id=${group.id}&limit=100`);
  const names = found.items.map((person: { user: { username: string } }) => person.user.username);
  expect(names).toEqual([...pupils.slice(1), "ada"]);
  await page.getByRole("link", { name: "Groups" }).last().click();
  await expect(page.getByRole("link", { name: /^Class 7b/ })).toContainText("22 members");
});

test("an account is left with everything, and its password is asked", async ({ page, mine, browser }) => {
  await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password });
  const hers = await (await browser.newContext()).newPage();
  await hers.goto(`${mine.url}/sign-in`);
  await signIn(hers, "ada");
  await hers.goto(`${mine.url}/account/data`);
  await hers.getByRole("button", { name: "Delete my account …" }).click();
  await hers.getByLabel("Password").fill("not this one");
  await hers.getByRole("button", { name: "Delete for good" }).click();
  await expect(hers.getByRole("dialog").getByRole("alert")).toBeVisible();
  await hers.getByLabel("Password").fill(password);
  await hers.getByRole("button", { name: "Delete for good" }).click();
  await expect(hers.getByRole("heading", { name: "Welcome home" })).toBeVisible();
  await hers.getByLabel("User name or e-mail").fill("ada");
  await hers.getByLabel("Password").fill(password);
  await hers.keyboard.press("Enter");
  await expect(hers.getByRole("alert")).toContainText("do not belong together");
  await hers.context().close();
});

test("axe finds nothing on the pages about people, and nothing scrolls sideways on a phone", async ({ page, mine }) => {
  test.slow();
  const { user } = await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password, email: "ada@example.org", role: "auditor" });
  const group = await ask(page.request, mine, "POST", "/admin/groups", { name: "Class 7b", rules: [{ effect: "deny", kind: "feature", name: "adapters" }] });
  await ask(page.request, mine, "POST", "/admin/keys/generate", { count: 2, terms: { note: "neighbours", group_ids: [group.id] } });
  await ask(page.request, mine, "PATCH", "/admin/settings", { registration: { mode: "open", approval: "always" } });
  await ask(page.request, mine, "POST", "/auth/register", { username: "cousin", password, reason: "a cousin" });
  for (const [address, seen] of [
    ["/house/people", list(page, "People").first()],
    [`/house/people/${user.id}`, page.getByLabel("Class 7b")],
    ["/house/groups", list(page, "Groups").first()],
    [`/house/groups/${group.id}`, page.getByLabel("Rule 1: which one")],
    ["/house/keys", list(page, "Registration keys").first()],
    ["/house/requests", list(page, "Waiting")],
  ] as const) {
    await page.goto(mine.url + address);
    await expect(seen).toBeVisible();
    await sound(page, address);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await sideways(page), address).toBe(0);
    await page.setViewportSize({ width: 1280, height: 800 });
  }
});
