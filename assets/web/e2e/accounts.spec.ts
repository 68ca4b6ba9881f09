// Several people at one browser: nobody meets what belongs to the one before.
import { ask, test as testOfMine } from "./mine";
import { composer, expect, finished, password, register, seenAgain, send, signIn, signOut, test } from "./page";

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

testOfMine("who reads German is refused in German", async ({ page, mine, browser }) => {
  await ask(page.request, mine, "PATCH", "/admin/settings", { registration: { mode: "key" } });
  const { items } = await ask(page.request, mine, "POST", "/admin/keys/generate", { count: 2 });
  const [used, withdrawn] = items as { key: string; record: { id: string } }[];
  await ask(page.request, mine, "DELETE", `/admin/keys/${withdrawn!.record.id}`);
  const context = await browser.newContext({ locale: "de-DE" });
  const theirs = await context.newPage();
  await theirs.goto(`${mine.url}/register`);
  const submit = async (fields: Record<string, string>, words: string) => {
    for (const [label, text] of Object.entries(fields)) await theirs.getByLabel(label).fill(text);
    await theirs.getByRole("button", { name: "Konto anlegen" }).click();
    await expect(theirs.getByText(words)).toBeVisible();
  };
  await submit({ Registrierungsschlüssel: "12345-12345", Benutzername: "keeper", Passwort: "password" }, "Diesen Registrierungsschlüssel gibt es nicht. Prüfe, ob er richtig geschrieben ist.");
  await expect(theirs.getByLabel("Registrierungsschlüssel")).toBeFocused();
  await submit({ Registrierungsschlüssel: withdrawn!.key }, "Dieser Registrierungsschlüssel wurde zurückgezogen. Bitte um einen anderen.");
  await submit({ Registrierungsschlüssel: used!.key }, "Dieses Passwort haben viele, also wird es als erstes versucht. Nimm ein paar Wörter, die nicht zusammengehören.");
  await submit({ Passwort: password }, "Diesen Benutzernamen hat schon jemand. Wähle einen anderen.");
  await theirs.getByLabel("Benutzername").fill("ada");
  await theirs.getByRole("button", { name: "Konto anlegen" }).click();
  await expect(theirs.getByRole("textbox", { name: "Nachricht" })).toBeVisible();

  await context.clearCookies();
  await theirs.goto(`${mine.url}/register`);
  await submit({ Registrierungsschlüssel: used!.key, Benutzername: "bea", Passwort: password }, "Dieser Registrierungsschlüssel ist aufgebraucht. Bitte um einen anderen.");
  await theirs.goto(`${mine.url}/sign-in`);
  await theirs.getByLabel("Benutzername oder E-Mail").fill("ada");
  await theirs.getByLabel("Passwort").fill("daneben");
  for (let failed = 0; failed < 5; failed += 1) {
    await theirs.getByRole("button", { name: "Anmelden" }).click();
    await expect(theirs.getByRole("alert")).toContainText("gehören nicht zusammen");
  }
  await theirs.getByRole("button", { name: "Anmelden" }).click();
  await expect(theirs.getByRole("alert")).toContainText(/Das ging zu oft daneben\. Versuche es in \d Sekunden? noch einmal\./);
  await context.close();
});

testOfMine("where no mail can be sent, the pages say whom to ask", async ({ page, mine, browser }) => {
  await ask(page.request, mine, "PATCH", "/admin/settings", { registration: { mode: "open", verify_email: true } });
  const context = await browser.newContext();
  const theirs = await context.newPage();
  await theirs.goto(`${mine.url}/register`);
  await theirs.getByLabel("User name").fill("cousin");
  await theirs.getByLabel("Password").fill(password);
  await theirs.getByLabel("E-mail").fill("cousin@example.org");
  await theirs.getByRole("button", { name: "Make account" }).click();
  await expect(theirs.getByRole("heading", { name: "Your address is not confirmed yet" })).toBeVisible();
  await expect(theirs.getByText("Ask whoever runs it for the link", { exact: false })).toBeVisible();
  await expect(theirs.getByRole("button", { name: "Send it again" })).toHaveCount(0);
  await theirs.getByRole("button", { name: "To signing in" }).click();
  await theirs.getByRole("link", { name: "Forgotten the password?" }).click();
  await expect(theirs.getByRole("heading", { name: "This house sends no mail" })).toBeVisible();
  await expect(theirs.getByText("Ask whoever runs it for a link", { exact: false })).toBeVisible();
  await expect(theirs.getByRole("textbox")).toHaveCount(0);
  await context.close();
});
