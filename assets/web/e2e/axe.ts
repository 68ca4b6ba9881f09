// What axe and a ruler find on a page.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect } from "./page";

/** All rules in the light theme; in the dark one what differs, the contrast. */
export async function sound(page: Page, where: string) {
  await look(page, `${where}, light`, "light", new AxeBuilder({ page }));
  await look(page, `${where}, dark`, "dark", new AxeBuilder({ page }).withRules(["color-contrast"]));
}

async function look(page: Page, where: string, theme: string, axe: AxeBuilder) {
  await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
  // Colours fade over; axe must not look in the middle.
  await page.waitForTimeout(160);
  const { violations } = await axe.setLegacyMode(true).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  expect(found, where).toEqual([]);
}

export const sideways = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
