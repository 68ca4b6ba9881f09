// Coming into the house: set-up, signing in, registering, leaving.
import { startHouse } from "./house";
import { composer, expect, finished, lastText, password, send, setUp, test, visit } from "./page";

test("the printed link makes the administrator, and the first conversation streams", async ({ page }) => {
  const house = await startHouse();
  try {
    await page.goto(`${house.url}/`);
    await expect(page.getByRole("heading", { name: /needs its administrator/ })).toBeVisible();

    await page.goto(house.setupLink);
    await expect(page.getByRole("heading", { name: "Set up your house" })).toBeVisible();
    expect(page.url()).not.toContain("token");
    await page.getByLabel("User name").fill("keeper");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Set up" }).click();
    await expect(page.getByRole("heading", { name: /keeper/ })).toBeVisible();

    await visit(page, "House");
    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByRole("radio", { name: "Everybody who reaches this page" }).check();
    await page.getByRole("button", { name: "Save" }).first().click();
    await expect(page.getByText("The settings are saved.")).toBeVisible();
    expect(await (await page.request.get(`${house.url}/api/v1/auth/registration`)).json()).toMatchObject({ mode: "open" });
    await page.getByRole("link", { name: "Back to the conversation" }).click();

    await send(page, "Say it slowly");
    await expect(lastText(page)).toContainText("word3");
    const early = (await lastText(page).innerText()).length;
    await page.waitForTimeout(400);
    const later = (await lastText(page).innerText()).length;
    expect(later).toBeGreaterThan(early);
    await expect(page).toHaveURL(/\/c\/.+/);
    await finished(page);
  } finally {
    await house.stop();
  }
});

test("a wrong set-up link says how to get a good one", async ({ page }) => {
  const house = await startHouse();
  try {
    await page.goto(`${house.url}/setup?token=nonsense`);
    await page.getByLabel("User name").fill("keeper");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Set up" }).click();
    await expect(page.getByRole("heading", { name: "This set-up link no longer works" })).toBeVisible();
    await expect(page.getByText(/Restart the server/)).toBeVisible();
  } finally {
    await house.stop();
  }
});

test("register, sign out, sign in again", async ({ page }) => {
  await page.goto("/");
  await expect(page).toHaveURL(/\/sign-in$/);
  await page.getByRole("link", { name: "Make one" }).click();
  await page.getByLabel("User name").fill("newcomer");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Make account" }).click();
  await expect(composer(page)).toBeVisible();

  await page.getByRole("button", { name: "Account of newcomer" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Welcome home" })).toBeVisible();
  await page.goto("/");
  await expect(page).toHaveURL(/\/sign-in$/);

  await page.getByLabel("User name or e-mail").fill("newcomer");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await expect(composer(page)).toBeFocused();
});

test("a house that takes nobody says so where one would look for it", async ({ page }) => {
  const house = await startHouse();
  try {
    await setUp(house);
    await page.goto(`${house.url}/sign-in`);
    await expect(page.getByText("No account yet? Ask whoever runs this house to open registration for you.")).toBeVisible();
    await expect(page.getByRole("link", { name: "Make one" })).toHaveCount(0);
  } finally {
    await house.stop();
  }
});

test("an address that cannot be decoded leads on", async ({ home: page }) => {
  await page.goto("/c/%zz");
  await expect(page.getByText("This conversation does not exist")).toBeVisible();
  await page.getByRole("main").getByRole("button", { name: "New conversation" }).click();
  await expect(page).toHaveURL(/\/$/);
  await expect(composer(page)).toBeFocused();
});

test("a wrong password is said plainly", async ({ page }) => {
  await page.goto("/sign-in");
  await page.getByLabel("User name or e-mail").fill("keeper");
  await page.getByLabel("Password").fill("not this one at all");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("do not belong together");
});

test("profile, password, language and theme", async ({ home: page, person }) => {
  await visit(page, "Account");
  await page.getByLabel("Name", { exact: true }).fill("Ada");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Your profile is saved.")).toBeVisible();
  await page.getByLabel("Current password").fill("wrong for sure");
  await page.getByLabel("New password").fill(`${password} two`);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByText("The current password is not right.")).toBeVisible();
  await expect(page.getByLabel("Current password")).toBeFocused();
  await page.getByLabel("Current password").fill(password);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByText("Your password is changed.", { exact: false })).toBeVisible();
  expect(person.username).toBeTruthy();

  await page.getByRole("button", { name: "Account of Ada" }).click();
  await page.getByRole("menuitemradio", { name: "Dark" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.getByRole("menuitemradio", { name: "Deutsch" }).click();
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  await page.goto("/");
  await expect(page.getByRole("heading", { name: /Schön, dass du da bist, Ada/ })).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});
