/** The page that the real service serves, fed by the real service: films in a folder on the one end, a browser on the other. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { Browser } from "playwright-core";

import { Demo, launchChromium } from "../support/processes.ts";

/** A slow machine exposes the films for minutes. */
const FILMS_WITHIN = 300_000;

let browser: Browser;
let demo: Demo;

before(async () => {
  browser = await launchChromium();
  demo = await Demo.start();
});
after(async () => {
  await browser?.close();
  await demo?.close();
});

test("each film of the demo appears by itself, with verdict, drawing and numbers", async () => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  const outside: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(demo.url) && !request.url().startsWith("blob:")) outside.push(request.url());
  });
  // The page may be asked for before the service listens.
  for (;;) {
    const there = await page.goto(demo.url).then(() => true, () => false);
    if (there) break;
    await page.waitForTimeout(200);
  }
  const rows = page.locator("a.row");
  await rows.nth(4).waitFor({ timeout: FILMS_WITHIN });
  // The chest is the last film; it is counted and not listed.
  await page.locator("[data-count=not_applicable]").filter({ hasText: "1" }).waitFor({ timeout: FILMS_WITHIN });
  assert.equal(await rows.count(), 5);
  for (let index = 0; index < 5; index += 1) {
    await rows.nth(index).click();
    const image = page.locator("[data-overlay] img");
    await image.waitFor();
    assert.ok(await image.evaluate(async (img: HTMLImageElement) => { await img.decode(); return img.naturalWidth; }) > 600);
    assert.match(await page.locator(".hero h2").innerText(), /^(Accept|Review|Repeat)$/);
    const cobb = page.locator("table.whole [data-measurement=c2_c7_cobb]");
    const told = await cobb.innerText();
    if (await cobb.getAttribute("data-status") === "withheld") assert.match(told, /Withheld: \S/);
    else assert.match(told, /\d\.\d°/);
  }
  assert.deepEqual(errors, []);
  assert.deepEqual(outside, [], "the page asked for something from outside");
  await page.close();
});
