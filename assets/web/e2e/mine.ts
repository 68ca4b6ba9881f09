// A house for the one test, whose rules it may change, with its administrator signed in.
import type { APIRequestContext, Page } from "@playwright/test";
import { startHouse, type House } from "./house";
import { enterAsKeeper, expect, setUp, test as base } from "./page";

export const test = base.extend<{ mine: House }>({
  mine: async ({ page }, use) => {
    const house = await startHouse();
    await setUp(house);
    await enterAsKeeper(page, house);
    await use(house);
    await house.stop();
  },
});

export async function ask(request: APIRequestContext, house: House, method: string, path: string, data?: object) {
  const answer = await request.fetch(`${house.url}/api/v1${path}`, { method, data, headers: { origin: house.url } });
  expect(answer.ok(), `${method} ${path}: ${await answer.text()}`).toBe(true);
  return answer.status() === 204 ? undefined : await answer.json();
}

export const list = (page: Page, name: string) => page.getByRole("list", { name, exact: true }).getByRole("listitem");
