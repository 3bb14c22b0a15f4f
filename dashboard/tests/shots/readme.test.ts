/** The README's picture: the page of the real demo. `npm run shots` writes it to `shots/readme.png`. */

import { mkdirSync } from "node:fs";
import { test } from "node:test";

import { Demo, launchChromium } from "../support/processes.ts";

test("the picture of the README", async () => {
  mkdirSync("shots", { recursive: true });
  const browser = await launchChromium();
  const demo = await Demo.start();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
    await page.goto(demo.url);
    await page.locator("[data-count=not_applicable]").filter({ hasText: "1" }).waitFor({ timeout: 300_000 });
    await page.locator("a.row").last().click();
    await page.locator("[data-overlay] img").evaluate(async (img: HTMLImageElement) => img.decode());
    await page.waitForTimeout(500);
    await page.screenshot({ path: "shots/readme.png" });
  } finally {
    await browser.close();
    await demo.close();
  }
});
