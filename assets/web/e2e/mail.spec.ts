// Mail: set, tested, and what is done with it.
import { sideways, sound } from "./axe";
import { ask, test } from "./mine";
import { composer, expect, password, signIn } from "./page";
import { startMailServer } from "./smtp";

test("a mail server is set and tested, in the server's own words", async ({ page, mine, browser }) => {
  const server = await startMailServer();
  try {
    await page.goto(`${mine.url}/house/mail`);
    await expect(page.getByText("No mail server is set", { exact: false })).toBeVisible();
    await page.getByLabel("Mail server").fill("127.0.0.1");
    await page.getByLabel("Connection").selectOption("none");
    await expect(page.getByLabel("Port")).toHaveValue("25");
    await page.getByLabel("Port").fill(String(server.port));
    await page.getByLabel("Sender's address").fill("house@example.org");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("Saved.")).toBeVisible();

    await page.getByLabel("Send a test mail to").fill("refused@example.org");
    await page.getByRole("button", { name: "Send now" }).click();
    await expect(page.getByRole("alert")).toContainText("nobody of this name lives here");
    await sound(page, "mail, refused");
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await sideways(page)).toBe(0);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByLabel("Send a test mail to").fill("keeper@example.org");
    await page.getByRole("button", { name: "Send now" }).click();
    await expect(page.getByRole("alert")).toHaveCount(0);
    await expect.poll(() => server.mails.length).toBe(1);
    await expect(page.getByText("Nothing waits.")).toBeVisible();

    await ask(page.request, mine, "PATCH", "/admin/settings", { registration: { mode: "open", verify_email: true } });
    const theirs = await (await browser.newContext()).newPage();
    await theirs.goto(`${mine.url}/register`);
    await theirs.getByLabel("User name").fill("cousin");
    await theirs.getByLabel("Password").fill(password);
    await theirs.getByLabel("E-mail").fill("cousin@example.org");
    await theirs.getByRole("button", { name: "Make account" }).click();
    await expect(theirs.getByRole("heading", { name: "Look into your mail" })).toBeVisible();
    await expect(theirs.getByText("cousin@example.org", { exact: false })).toBeVisible();
    await expect.poll(() => server.mails.length).toBe(2);
    await theirs.goto(mine.url + verifyPath(server.mails.at(-1)!));
    await expect(theirs.getByRole("heading", { name: "Your address is confirmed" })).toBeVisible();
    await sound(theirs, "address confirmed");
    await theirs.getByRole("link", { name: "To signing in" }).click();
    await theirs.getByLabel("User name or e-mail").fill("cousin@example.org");
    await theirs.getByLabel("Password").fill(password);
    await theirs.keyboard.press("Enter");
    await expect(composer(theirs)).toBeVisible();
    await theirs.context().close();

    await page.reload();
    await page.getByRole("button", { name: "Send no mail any more" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Send no mail any more" }).click();
    await expect(page.getByText("No mail server is set", { exact: false })).toBeVisible();
  } finally {
    await server.stop();
  }
});

test("another address is one's own once its link is opened, and the link is sent again", async ({ page, mine }) => {
  const server = await startMailServer();
  try {
    await ask(page.request, mine, "PUT", "/admin/mail", { server: "127.0.0.1", port: server.port, security: "none", from_address: "house@example.org" });
    await page.goto(`${mine.url}/account`);
    await page.getByLabel("E-mail").fill("keeper@example.org");
    await page.getByLabel("Current password").first().fill(password);
    await page.getByRole("button", { name: "Save" }).click();
    const waiting = page.getByText("A link was mailed to keeper@example.org.", { exact: false });
    await expect(waiting).toBeVisible();
    await page.reload();
    await expect(waiting).toBeVisible();
    await sound(page, "an address to confirm");
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await sideways(page)).toBe(0);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.getByRole("button", { name: "Send it again" }).click();
    await expect(page.getByText("A link is on its way.")).toBeVisible();
    // One that was mailed a moment ago is not mailed again, and stays good.
    expect(server.mails).toHaveLength(1);
    await page.goto(mine.url + verifyPath(server.mails[0]!));
    await expect(page.getByRole("heading", { name: "Your address is confirmed" })).toBeVisible();
    await page.goto(`${mine.url}/account`);
    await expect(page.getByLabel("E-mail")).toHaveValue("keeper@example.org");
    await expect(page.getByText("Confirmed.")).toBeVisible();
    await expect(waiting).toHaveCount(0);

    await page.getByLabel("E-mail").fill("elsewhere@example.org");
    await page.getByLabel("Current password").first().fill(password);
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("A link was mailed to elsewhere@example.org.", { exact: false })).toBeVisible();
    await page.getByRole("button", { name: "Take back" }).click();
    await expect(page.getByText("A link was mailed to", { exact: false })).toHaveCount(0);

    const theirs = await page.context().browser()!.newPage();
    await theirs.goto(`${mine.url}/forgot-password`);
    await theirs.getByLabel("User name or e-mail").fill("keeper");
    await theirs.getByRole("button", { name: "Mail me a link" }).click();
    await expect(theirs.getByRole("heading", { name: "Look into your mail" })).toBeVisible();
    await sound(theirs, "link is on its way");
    await theirs.close();
  } finally {
    await server.stop();
  }
});

test("an address that one was given is confirmed by a link that one asks for", async ({ page, mine, browser }) => {
  const server = await startMailServer();
  try {
    await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password, email: "ada@example.org" });
    const hers = await (await browser.newContext()).newPage();
    await hers.goto(`${mine.url}/sign-in`);
    await signIn(hers, "ada");
    await hers.goto(`${mine.url}/account/profile`);
    await expect(hers.getByText("Not confirmed.")).toBeVisible();
    const askForIt = hers.getByRole("button", { name: "Mail me a link that confirms it" });
    await expect(askForIt).toHaveCount(0);
    await ask(page.request, mine, "PUT", "/admin/mail", { server: "127.0.0.1", port: server.port, security: "none", from_address: "house@example.org" });
    await hers.reload();
    await askForIt.click();
    await expect(hers.getByText("A link was mailed to ada@example.org.", { exact: false })).toBeVisible();
    await expect(askForIt).toHaveCount(0);
    await expect.poll(() => server.mails.length).toBe(1);
    await hers.goto(mine.url + verifyPath(server.mails[0]!));
    await expect(hers.getByRole("heading", { name: "Your address is confirmed" })).toBeVisible();
    await hers.goto(`${mine.url}/account/profile`);
    await expect(hers.getByText("Confirmed.", { exact: true })).toBeVisible();
    await hers.context().close();
  } finally {
    await server.stop();
  }
});

test("who asks to become an administrator is made one by the link that was mailed", async ({ page, mine, browser }) => {
  const server = await startMailServer();
  try {
    await ask(page.request, mine, "PUT", "/admin/mail", {
      server: "127.0.0.1",
      port: server.port,
      security: "none",
      from_address: "house@example.org",
      approver_address: "elder@example.org",
      approver_language: "de",
    });
    await ask(page.request, mine, "POST", "/admin/users", { username: "ada", password });
    const hers = await (await browser.newContext()).newPage();
    await hers.goto(`${mine.url}/sign-in`);
    await signIn(hers, "ada");
    await hers.goto(`${mine.url}/account/data`);
    await hers.getByLabel(/^Why/).fill("To help with the keys.");
    await hers.getByRole("button", { name: "Ask" }).click();
    await expect.poll(() => server.mails.length).toBe(1);

    const elder = await (await browser.newContext()).newPage();
    await elder.goto(mine.url + pathIn(server.mails[0]!, /\/approve\/[\w-]+/));
    await expect(elder.getByText("ada asks to become an administrator.")).toBeVisible();
    await expect(elder.getByText("To help with the keys.")).toBeVisible();
    await elder.getByRole("button", { name: "Approve" }).click();
    await expect(elder.getByRole("heading", { name: "Approved" })).toBeVisible();
    await elder.context().close();

    await hers.goto(`${mine.url}/house/people`);
    await expect(hers.getByRole("heading", { name: "People" })).toBeVisible();
    await hers.context().close();
  } finally {
    await server.stop();
  }
});

/** The link of a mail, whose lines may be folded. */
function pathIn(mail: string, page: RegExp): string {
  const text = mail.replace(/=\r?\n/g, "").replaceAll("=3D", "=");
  return page.exec(text)![0];
}

function verifyPath(mail: string): string {
  return pathIn(mail, /\/verify-email\?token=[\w-]+/);
}
