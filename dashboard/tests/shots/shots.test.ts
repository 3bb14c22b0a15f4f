/** Pictures of the page to look at: `npm run shots` writes them to `shots/`. Not part of `npm test`. */

import { mkdirSync } from "node:fs";
import { test } from "node:test";

import type { Browser } from "playwright-core";

import { decision, fault, health, info, measurements, morning, notANeck, rejects, repeat, report, review, status, study, withheld } from "../support/fixtures.ts";
import { drawFilm } from "../support/film.ts";
import { Appliance, Mosquitto, Voice, launchChromium } from "../support/processes.ts";

const SIZES = { desk: [1280, 800], wall: [2560, 1440], phone: [390, 844] } as const;

test("pictures", async () => {
  mkdirSync("shots", { recursive: true });
  const broker = await Mosquitto.start();
  const voice = await Voice.connect(broker);
  const browser = await launchChromium();
  try {
    const film = await drawFilm(browser);
    await voice.say("status", status("online"), true);
    await scene(browser, broker, "empty", [], film, ["desk", "phone"]);
    await scene(browser, broker, "morning", morning(), film, ["desk", "wall", "phone"], async () => {
      await voice.say("report", notANeck(40));
      await voice.say("fault", fault("2025-03-04/CR2001.dcm"));
    });
    await voice.say("rejects", rejects(), true);
    await voice.say("health", health(), true);
    await voice.say("info", info(), true);
    await voice.say("study/st-0", study(), true);
    await scene(browser, broker, "study", [report(0), report(1), review(2)], film, ["desk", "phone"], async () => {}, "#/study/st-0");
    await scene(browser, broker, "statistics", [report(0)], film, ["desk"], async () => {}, "#/statistics");
    await scene(browser, broker, "appliances", [report(0)], film, ["desk", "wall"], async () => {}, "#/appliances");
    await scene(browser, broker, "decided", [...morning(), repeat(30, { decision: decision("repeat", "positioning") })], film, ["desk", "phone"]);
    await scene(browser, broker, "repeat", [...morning(), repeat(30)], film, ["desk", "phone"]);
    await scene(browser, broker, "review", [...morning(), review(31)], film, ["desk"]);
    const long = "The left and the right articular masses of C4 to C6 stand more than 6 mm apart, which speaks for a rotation of the neck of about 11° about its long axis. Let the patient look straight at the mark on the wall, bring both shoulders parallel to the detector, and check that the ear openings lie over each other before the exposure. ";
    await scene(browser, broker, "long", [...morning(), review(32, {
      source: { file: `${"very-long-folder-name-of-a-modality/".repeat(4)}${"IMG".repeat(40)}.dcm`, format: "dicom" },
      quality: { verdict: "repeat", c7_visibility: "partial", exposure: "over", reasons: [1, 2, 3].map((n) => ({ code: `rotation_${n}`, dicom_code: "111209", text: long.repeat(n > 1 ? 1 : 2) })) },
    })], null, ["desk", "phone"]);
    await scene(browser, broker, "withheld", [report(1), report(33, {
      measurements: measurements().map((m) => withheld(String(m["name"]), m["level"] as string | null, String(m["unit"]), m["unit"] === "mm" ? "The film carries no trustworthy millimetre scale." : "The corners of this level contradict each other.")),
    })], film, ["desk"]);
    await voice.say("status", status("degraded", "TensorRT refused FP16; running on the CPU"), true);
    await scene(browser, broker, "unknown", [report(1), report(34, { quality: { verdict: "ponder", reasons: [] } })], film, ["desk"], async () => {
      await voice.say("report", { ...report(50), schema: "sagitta.report/9" });
    });
    await voice.say("status", status("offline"), true);
    await scene(browser, broker, "lost", morning(), film, ["desk"], () => broker.stop());
  } finally {
    await voice.close();
    await browser.close();
    await broker.close();
  }
});

async function scene(
  browser: Browser, broker: Mosquitto, name: string, reports: Record<string, unknown>[], film: Buffer | null,
  sizes: readonly (keyof typeof SIZES)[], then: () => Promise<void> = async () => {}, hash = "#/",
): Promise<void> {
  const appliance = await Appliance.start(broker);
  appliance.reports = reports;
  if (film !== null) reports.forEach((report) => appliance.films.set(String(report["report_id"]), film));
  try {
    const pages = [];
    for (const colorScheme of ["light", "dark"] as const) {
      for (const size of sizes) {
        const [width, height] = SIZES[size];
        const page = await browser.newPage({ viewport: { width, height }, colorScheme });
        await page.goto(`${appliance.url}/${hash}`);
        await page.locator("[data-link=connected]").waitFor();
        pages.push({ page, path: `shots/${name}-${size}-${colorScheme}.png`, size });
      }
    }
    await then();
    for (const { page, path, size } of pages) {
      await page.waitForTimeout(1800);
      await page.screenshot({ path });
      if (size === "phone" && reports.length > 0 && hash === "#/") {
        await page.locator("a.row").first().click();
        await page.screenshot({ path: path.replace(".png", "-film.png"), fullPage: true });
      } else if (size === "desk" && reports.length > 0) {
        await page.locator("main").evaluate((main) => main.scrollTo(0, 700));
        await page.waitForTimeout(200);
        await page.screenshot({ path: path.replace(".png", "-below.png") });
      }
      await page.close();
    }
  } finally {
    await appliance.close();
  }
}
