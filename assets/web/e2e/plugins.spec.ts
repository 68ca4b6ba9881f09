// Rules of the house that are scripts: written, tried, turned on, and asked.
import { sideways, sound } from "./axe";
import { ask, list, test } from "./mine";
import { expect, password } from "./page";

const RULE = `fn registration_before_accept(key, applicant, now) {
    print("asked");
    refuse("Please ask your teacher.")
}
`;

test("a plugin is begun, mended where it is wrong, tried, turned on, and deleted", async ({ page, mine }) => {
  await page.goto(`${mine.url}/house/plugins`);
  await page.getByRole("button", { name: "New plugin" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("teachers-first");
  await page.getByRole("dialog").getByRole("button", { name: "Make plugin" }).click();
  const script = page.getByRole("textbox", { name: "main.rhai" });
  await expect(script).toHaveValue(/fn registration_before_accept\(key, applicant, now\)/);

  await script.fill(RULE.replace("refuse(", "refuse((("));
  await expect(page.getByText(/^Line [34]:/)).toBeVisible();
  await expect(script).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(/^Line [34]:/)).toBeVisible();
  await page.reload();
  await expect(script).toHaveValue(/refuse\(\(\(/);

  await script.fill(RULE);
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByText("Please ask your teacher.", { exact: false }).last()).toBeVisible();
  await expect(page.getByText("asked", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Save" })).toBeDisabled();
  await page.getByRole("switch", { name: "teachers-first is on" }).click();
  await expect(page.getByRole("switch", { name: "teachers-first is on" })).toBeChecked();

  await page.getByRole("tab", { name: "Log" }).click();
  await expect(page.getByText("It was not asked anything yet.")).toBeVisible();

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL(`${mine.url}/house/plugins`);
  await expect(page.getByRole("link", { name: /^teachers-first/ })).toHaveCount(0);
});

test("what a dry run made up is shown, changed, and asked again", async ({ page, mine }) => {
  const source = RULE.replace('"Please ask your teacher."', 'applicant.email_domain + " from " + key.prefix');
  await ask(page.request, mine, "POST", "/admin/plugins", { name: "teachers-first", source });
  await page.goto(`${mine.url}/house/plugins/teachers-first`);
  const told = page.getByLabel("What it is told (JSON)");
  await expect(told).toHaveValue("");
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByText("example.org from K7QM", { exact: false }).first()).toBeVisible();
  await expect(told).toHaveValue(/"email_domain": "example.org"/);
  await told.fill((await told.inputValue()).replace('"example.org"', '"school.example"'));
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByText("school.example from K7QM", { exact: false }).first()).toBeVisible();

  await told.fill('{"key": {"prefix": "ABCD"}}');
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByText("example.org from ABCD", { exact: false }).first()).toBeVisible();
  await expect(told).toHaveValue('{"key": {"prefix": "ABCD"}}');
  await sound(page, "what it was told");
  await page.getByRole("button", { name: "Change this" }).click();
  await expect(told).toHaveValue(/"email_domain": "example.org"[^]*"prefix": "ABCD"/);
  await expect(page.getByRole("button", { name: "Change this" })).toHaveCount(0);
});

test("whom a rule refuses reads its reason, and the log has it", async ({ page, mine, browser }) => {
  await ask(page.request, mine, "PATCH", "/admin/settings", { registration: { mode: "open" } });
  await ask(page.request, mine, "POST", "/admin/plugins", { name: "teachers-first", source: RULE });
  await ask(page.request, mine, "PATCH", "/admin/plugins/teachers-first", { enabled: true });
  const theirs = await (await browser.newContext()).newPage();
  await theirs.goto(`${mine.url}/register`);
  await theirs.getByLabel("User name").fill("pupil");
  await theirs.getByLabel("Password").fill(password);
  await theirs.getByRole("button", { name: "Make account" }).click();
  await expect(theirs.getByRole("alert")).toContainText("Please ask your teacher.");
  await sound(theirs, "refused by a rule");
  await theirs.context().close();

  await page.goto(`${mine.url}/house/plugins/teachers-first`);
  await page.getByRole("tab", { name: "Log" }).click();
  await expect(list(page, "Log").first()).toContainText("refused");
  await expect(list(page, "Log").first()).toContainText("Please ask your teacher.");
});

test("a plugin that comes with the house is set, and its edits are taken back", async ({ page, mine }) => {
  await page.goto(`${mine.url}/house/plugins/school-domain`);
  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByLabel("domains", { exact: true }).fill("school.example\nother.example");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  const { plugin, source } = await ask(page.request, mine, "GET", "/admin/plugins/school-domain");
  expect(plugin.settings.find((setting: { name: string }) => setting.name === "domains").value).toEqual(["school.example", "other.example"]);

  await page.getByRole("tab", { name: "Script" }).click();
  const script = page.getByRole("textbox", { name: "main.rhai" });
  await script.fill(`// ours\n${source}`);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Take the edits back" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take the edits back" }).click();
  await expect(script).toHaveValue(source);
  await expect(page.getByRole("button", { name: "Take the edits back" })).toHaveCount(0);
});

test("axe finds nothing where plugins are written, and nothing scrolls sideways on a phone", async ({ page, mine }) => {
  test.slow();
  await ask(page.request, mine, "POST", "/admin/plugins", { name: "teachers-first", source: RULE });
  for (const [address, seen] of [
    ["/house/plugins", list(page, "Plugins").first()],
    ["/house/plugins/teachers-first", page.getByRole("textbox", { name: "main.rhai" })],
    ["/house/plugins/school-domain", page.getByRole("textbox", { name: "main.rhai" })],
  ] as const) {
    await page.goto(mine.url + address);
    await expect(seen).toBeVisible();
    if (address.endsWith("first")) await page.getByRole("button", { name: "Run" }).click();
    if (address.endsWith("domain")) await page.getByRole("tab", { name: "Settings" }).click();
    await sound(page, address);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await sideways(page), address).toBe(0);
    await page.setViewportSize({ width: 1280, height: 800 });
  }
});
