/** The built page in a real Chromium, fed by a real mosquitto over WebSocket. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import type { Browser, Page } from "playwright-core";

import { answer, decision, fault, health, info, morning, notANeck, rejects, repeat, report, review, status, study } from "../support/fixtures.ts";
import { drawFilm } from "../support/film.ts";
import { Appliance, Mosquitto, Voice, launchChromium } from "../support/processes.ts";

let browser: Browser;
let broker: Mosquitto;
let voice: Voice;
let film: Buffer;

before(async () => {
  browser = await launchChromium();
  film = await drawFilm(browser);
});
after(() => browser?.close());

beforeEach(async () => {
  broker = await Mosquitto.start();
  voice = await Voice.connect(broker);
});
afterEach(async () => {
  await voice?.close();
  await broker?.close();
});

/** Opens the page beside an appliance that remembers `reports`, and fails the test on any error in the page. */
async function opened(
  reports: Record<string, unknown>[], use: (page: Page, appliance: Appliance) => Promise<void>, protocol: 4 | 5 = 5,
  devices: readonly string[] = ["room-1"],
): Promise<void> {
  const appliance = await Appliance.start({ ws: broker.ws, protocol }, devices);
  appliance.reports = reports;
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) errors.push(message.text());
  });
  const outside: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(appliance.url) && !request.url().startsWith("blob:")) outside.push(request.url());
  });
  try {
    await page.goto(appliance.url);
    await page.locator("[data-link=connected]").waitFor();
    await use(page, appliance);
    assert.deepEqual(errors, [], "the page threw or broke its security policy");
    assert.deepEqual(outside, [], "the page asked for something from outside");
  } finally {
    await page.close();
    await appliance.close();
  }
}

const rows = (page: Page) => page.locator("a.row");

/** Waits until the list shows so many films: what follows a click or a message is drawn with the next picture, not at once. */
const listed = async (page: Page, films: number): Promise<void> => {
  const until = Date.now() + 5000;
  while ((await rows(page).count()) !== films && Date.now() < until) await page.waitForTimeout(20);
  assert.equal(await rows(page).count(), films);
};

const row = (page: Page, seq: number) => page.locator(`[data-report="r-${String(seq).padStart(6, "0")}"]`);
const detailOf = (page: Page, seq: number) => page.locator(`[data-detail="r-${String(seq).padStart(6, "0")}"]`);

/** The verdict counts as the header tells them. */
async function counts(page: Page): Promise<Record<string, string>> {
  const all = await page.locator("[data-count]").evaluateAll((items) => items.map((item) => [item.getAttribute("data-count"), item.querySelector("b")?.textContent]));
  return Object.fromEntries(all);
}

describe("the radiographer’s word", () => {
  test("takes two touches, is shown when the appliance has it, and is taken back", async () => {
    await opened([repeat(1)], async (page) => {
      const card = page.locator(".console");
      const say = async (touches: () => Promise<void>): Promise<Record<string, unknown>> => {
        const heard = await voice.listen("repeat/request");
        await touches();
        return heard();
      };
      // Signed once, then remembered.
      await card.getByRole("button", { name: "Repeat…" }).click();
      await card.getByRole("button", { name: "Motion blur" }).click();
      await card.getByLabel("Who decides?").fill("RT 7");
      assert.deepEqual(await say(() => card.getByRole("button", { name: "Sign" }).click()), { report_id: "r-000001", action: "repeat", reason: "motion_blur", by: "RT 7" });
      assert.equal(await card.getAttribute("data-decision"), "none", "nothing stands before the appliance has said so");
      await card.getByText("Sending…").waitFor();
      await voice.say("repeat/response", answer(1, decision("repeat", "positioning")));
      await card.getByText("Rejected, to be taken again").waitFor();
      // What to do differently are the report's own words for this reason.
      assert.match(await card.locator(".next-time").innerText(), /Next time[\s\S]*Move the field 4 cm down/);
      await row(page, 1).locator("[data-decided=repeat]").waitFor();
      assert.deepEqual(await say(() => card.getByRole("button", { name: "Undo" }).click()), { report_id: "r-000001", action: "withdraw", reason: null, by: "RT 7" });
      await voice.say("repeat/response", answer(1, null, "no such report <b>here</b>"));
      await card.getByText("no such report <b>here</b>").waitFor();
      assert.equal(await card.getAttribute("data-decision"), "repeat", "a refusal changes nothing");
      await voice.say("repeat/response", answer(1, null));
      await card.getByText("Does this film stay?").waitFor();
      assert.deepEqual(await say(() => card.getByRole("button", { name: "Keep it" }).click()), { report_id: "r-000001", action: "accept", reason: null, by: "RT 7" });
      await voice.say("repeat/response", answer(1, decision("accept")));
      await card.getByText("Kept").waitFor();
    });
  });

  test("names first what the report suggests, and comes with a film from memory", async () => {
    await opened([repeat(1), report(2, { decision: decision("accept") })], async (page) => {
      await page.locator(".console").getByText("Kept").waitFor();
      await row(page, 1).click();
      await page.locator(".console").getByRole("button", { name: "Repeat…" }).click();
      assert.deepEqual(await page.locator(".why-grid .suggested").evaluateAll((all) => all.map((b) => b.getAttribute("data-reason"))), ["positioning", "underexposed"]);
      assert.equal(await page.locator(".why-grid button").count(), 16);
    });
  });
});

describe("the film", () => {
  const film_of = (appliance: Appliance) => appliance.films.set("r-000001", film);

  test("is drawn in layers that can be switched, and each number shows its drawing", () =>
    opened([report(1)], async (page, appliance) => {
      film_of(appliance);
      await page.reload();
      await page.locator("[data-overlay=film]").waitFor();
      assert.equal(await page.locator(".bone").count(), 6);
      await page.locator("[data-layer=bodies]").click();
      assert.equal(await page.locator(".bone").count(), 0);
      assert.equal(await page.locator("[data-layer=bodies]").getAttribute("aria-pressed"), "false");
      await page.locator("[data-layer=bodies]").click();
      const sva = page.locator("tr[data-measurement=sva] button.shown");
      await sva.hover();
      await page.locator("[data-lit=sva]").waitFor();
      assert.match(await page.locator("[data-lit=sva] text").innerHTML(), /18\.7/);
      await sva.click();
      await page.mouse.move(5, 5);
      assert.equal(await page.locator("[data-lit=sva]").count(), 1, "what was chosen stays");
      await page.locator("td[data-measurement=pavlov] button.shown").first().focus();
      await page.locator("[data-lit='pavlov C3']").waitFor();
      // Every number that may be shown has a drawing of its own.
      for (const button of await page.locator("button.shown").all()) {
        await button.focus();
        assert.equal(await page.locator("[data-lit]").count(), 1, await button.innerText());
      }
    }));

  test("tells on request how a number is defined and by whom, and nothing where a report does not", () =>
    opened([report(1)], async (page) => {
      const definition = detailOf(page, 1).locator("[data-definition]");
      assert.equal(await definition.first().isVisible(), false);
      await page.getByText("How these numbers are defined").click();
      assert.match(await definition.first().innerText(), /C7's inferior to C2's inferior end-plate; lordosis positive \(paper A, eqs 9-12\)/);
      assert.equal(await definition.count(), 1);
    }));

  test("zooms about the pointer and by keys, moves, and shows all again", () =>
    opened([report(1)], async (page, appliance) => {
      film_of(appliance);
      await page.reload();
      const stage = page.locator("[data-overlay=film] svg[role=img]");
      await stage.waitFor();
      const box = async (): Promise<number[]> => (await stage.getAttribute("viewBox") ?? "").split(" ").map(Number);
      /** Waits until the view is as `wanted`: it is drawn a moment after the hand has moved. */
      const becomes = async (what: string, wanted: (box: number[]) => boolean): Promise<number[]> => {
        for (let attempt = 0; attempt < 100; attempt += 1) {
          const now = await box();
          if (wanted(now)) return now;
          await page.waitForTimeout(100);
        }
        return assert.fail(`${what}: ${String(await box())}`);
      };
      const all = await becomes("all is seen first", ([x, y, width, height]) => x === 0 && y === 0 && width === 2500 && height === 3000);
      await stage.hover();
      await page.mouse.wheel(0, -300);
      const near = await becomes("the wheel zooms", ([, , width]) => width! < 2400);
      await stage.focus();
      await page.keyboard.press("+");
      const close = await becomes("a key zooms", ([, , width, height]) => width! < 0.9 * near[2]! && Math.abs(height! / width! - 1.2) < 0.01);
      await page.keyboard.press("ArrowDown");
      const before = await becomes("a key moves", ([, y]) => y! > close[1]!);
      const area = (await stage.boundingBox())!;
      await page.mouse.move(area.x + 200, area.y + 200);
      await page.mouse.down();
      await page.mouse.move(area.x + 260, area.y + 200, { steps: 4 });
      await page.mouse.up();
      await becomes("the film follows the hand", ([x]) => x! < before[0]!);
      await page.keyboard.press("0");
      await becomes("all is seen again", (now) => String(now) === String(all));
    }));

  test("shows intervals as bars against the thresholds that were used", () =>
    opened([review(1)], async (page) => {
      const sva = page.locator("tr[data-measurement=sva] [data-bar]");
      assert.equal(await sva.getAttribute("data-side"), "crosses");
      assert.equal(await page.locator("tr[data-measurement=c2_c7_cobb] [data-bar]").getAttribute("data-side"), "within");
      assert.match(await sva.innerText(), /40\.0\smm[\s\S]*crosses the threshold/);
      assert.equal(await page.locator("td[data-measurement=pavlov] [data-bar]").count(), 5);
    }));
});

describe("the boards", () => {
  test("a study stands side by side, with motion by level and the summary in both languages", () =>
    opened([report(0), report(1), review(2)], async (page) => {
      await voice.say("study/st-0", study(), true);
      await page.getByRole("link", { name: "Side by side" }).click();
      await page.locator("[data-study=st-0]").waitFor();
      assert.deepEqual(await page.locator("[data-place]").evaluateAll((all) => all.map((p) => p.getAttribute("data-place"))), ["flexion", "neutral", "extension"]);
      const unstable = page.locator("[data-motion='C4-C5']");
      assert.match(await unstable.innerText(), /4\.6\smm[\s\S]*14\.2°[\s\S]*Unstable/);
      assert.deepEqual(await unstable.locator("[data-bar]").evaluateAll((all) => all.map((b) => b.getAttribute("data-side"))), ["beyond", "beyond"]);
      assert.match(await page.locator("[data-motion='C6-C7']").innerText(), /withheld: C7 is hidden/);
      assert.match(await page.locator("[data-language=en]").innerText(), /Dynamic instability/);
      assert.match(await page.locator("[lang='zh-Hans']").innerText(), /动态不稳/);
      assert.match(await page.locator(".others").innerText(), /Flexion a later film has taken its place/);
      await page.locator("[data-place=extension]").getByRole("link", { name: "Open" }).click();
      await detailOf(page, 2).waitFor();
      await voice.say("study/st-0", study({ films: [], dynamic: null, missing: ["flexion", "extension"] }), true);
      await page.goBack();
      await page.locator("[data-dynamic=none]").getByText("still missing: flexion, extension").waitFor();
      await voice.say("study/st-0", "", true);
      await page.getByText("No such study").waitFor();
    }));

  test("repeat statistics and the appliances’ health have a place each", () =>
    opened([report(1)], async (page) => {
      await voice.say("rejects", rejects(), true);
      await voice.say("health", health({ temperatures: [{ sensor: "cpu", celsius: 96 }] }), true);
      await voice.say("info", info(), true);
      await page.getByRole("link", { name: "Repeats" }).click();
      assert.match(await page.locator("[data-rejects=room-1]").innerText(), /Today\s+5\.0\s%[\s\S]*This month\s+6\.6\s%[\s\S]*Positioning\s+9/);
      await page.getByRole("link", { name: "Appliances" }).click();
      const card = page.locator("[data-appliance-card=room-1]");
      assert.match(await card.innerText(), /Film to report\s+1\.09 s\s+99 % within 1\.61 s[\s\S]*Disk free\s+41\sGB[\s\S]*Version 0\.1\.0, cpu fp32/);
      assert.match(await card.locator(".trouble-tile").innerText(), /Hottest[\s\S]*96/);
    }));

  test("several rooms stand in one list, each can be looked at alone, and a gap is told", async () => {
    const there = async (page: Page): Promise<void> => {
      await voice.say("report", report(1));
      await voice.say("report", report(2, { device: "room-2", report_id: "r2-2", seq: 2 }), false, "room-2");
      await page.locator("[data-report='r2-2']").waitFor();
      await listed(page, 2);
      await page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: "room-2" }).click();
      await page.locator("[data-report='r-000001']").waitFor({ state: "detached" });
      await listed(page, 1);
      await voice.say("report", report(5, { device: "room-2", report_id: "r2-5", seq: 5 }), false, "room-2");
      assert.match(await page.locator("[data-gap=room-2]").innerText(), /2 reports of room-2 were published while this page was cut off/);
      await voice.say("report", report(3, { device: "room-2", report_id: "r2-3", seq: 3 }), false, "room-2");
      await voice.say("report", report(4, { device: "room-2", report_id: "r2-4", seq: 4 }), false, "room-2");
      await page.locator("[data-gap=room-2]").waitFor({ state: "detached" });
      await page.getByRole("link", { name: "All rooms" }).click();
      await listed(page, 5);
    };
    await opened([], there, 5, ["room-1", "+"]);
  });

  test("light and dark can be chosen, and the choice is remembered", () =>
    opened([report(1)], async (page) => {
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = await ground();
      await page.getByRole("button", { name: /^Colours/ }).click();
      assert.equal(await ground(), light);
      await page.getByRole("button", { name: /^Colours: light/ }).click();
      const dark = await ground();
      assert.notEqual(dark, light);
      await page.reload();
      await rows(page).first().waitFor();
      assert.equal(await ground(), dark);
    }));
});

describe("the page", () => {
  for (const protocol of [5, 4] as const) {
    test(`shows a published report with verdict, numbers, reasons and overlay (MQTT ${protocol === 5 ? "5" : "3.1.1"})`, () =>
      opened([], async (page) => {
        await page.getByText("No film yet").waitFor();
        await voice.say("report", repeat(3));
        await voice.say("overlay/r-000003", film);
        await detailOf(page, 3).waitFor();
        assert.equal(await page.locator(".hero h2").innerText(), "Repeat");
        assert.match(await page.locator(".reasons").innerText(), /C7 is cut off at the lower edge[\s\S]*DICOM 111209, positioning/);
        assert.match(await row(page, 3).innerText(), /Repeat[\s\S]*CR1003\.dcm[\s\S]*Extension[\s\S]*C2–C6[\s\S]*5\.8°/);
        const image = page.locator("[data-overlay=live] img");
        await image.waitFor();
        assert.match(await image.getAttribute("src") ?? "", /^blob:/);
        assert.equal(await image.evaluate(async (img: HTMLImageElement) => { await img.decode(); return img.naturalWidth; }), 1000);
        assert.match(await page.title(), /^Repeat · room-1/);
        assert.match(await page.locator("p.spoken[role=status]").innerText(), /New film: Repeat/);
      }, protocol));
  }

  test("shows what is withheld and unreliable with its reason, and never a number for it", () =>
    opened([repeat(1), review(2)], async (page) => {
      const cobb = page.locator("table.whole [data-measurement=c2_c7_cobb]");
      await detailOf(page, 2).waitFor();
      assert.equal(await cobb.getAttribute("data-status"), "unreliable");
      assert.match(await cobb.innerText(), /Unreliable: C7 is partly hidden[\s\S]*3\.4°[\s\S]*−1\.8 … 8\.6/);
      await row(page, 1).click();
      await detailOf(page, 1).waitFor();
      assert.equal(await cobb.getAttribute("data-status"), "withheld");
      assert.match(await cobb.innerText(), /Withheld: C7 lies outside the exposed field\./);
      assert.doesNotMatch(await cobb.locator("td").first().innerText(), /\d/);
      const slip = page.locator("td[data-measurement=slip_distance]").first();
      assert.equal(await slip.locator("span").first().textContent(), "–2", "a dash that points at note 2");
      assert.match(await page.locator(".notes").innerText(), /C7 lies outside the exposed field\.[\s\S]*no trustworthy millimetre scale/);
    }));

  test("shows findings with threshold and certainty", () =>
    opened([review(2)], async (page) => {
      const first = page.locator("[data-finding]").first();
      assert.equal(await first.getAttribute("data-finding"), "sagittal_imbalance", "what is present stands first");
      assert.match(await first.innerText(), /Present, borderline[\s\S]*Sagittal imbalance[\s\S]*SVA above 40\.0\smm[\s\S]*crosses the threshold/);
    }));

  test("is filled from the appliance's memory when it is opened late, with stored overlays", () =>
    opened(morning(), async (page, appliance) => {
      await rows(page).nth(19).waitFor();
      await listed(page, 20);
      await page.locator("[data-overlay=missing]").waitFor();
      appliance.overlays.set("r-000018", film);
      await row(page, 18).click();
      const image = page.locator("[data-overlay=stored] img");
      await image.waitFor();
      assert.match(await image.getAttribute("src") ?? "", /^\/api\/reports\/r-000018\/overlay$/);
      assert.equal(await image.evaluate(async (img: HTMLImageElement) => { await img.decode(); return img.naturalWidth; }), 1000);
    }));

  test("fetches earlier films on demand until there are no more", () =>
    opened(Array.from({ length: 120 }, (_, i) => report(i)), async (page) => {
      await rows(page).nth(49).waitFor();
      await listed(page, 50);
      for (const expected of [100, 120]) {
        await page.getByRole("button", { name: "Earlier films" }).click();
        await rows(page).nth(expected - 1).waitFor();
        await listed(page, expected);
      }
      assert.equal(await page.getByRole("button", { name: "Earlier films" }).count(), 0);
    }));

  test("recovers from a broker that goes and comes back: nothing missed, nothing doubled", () =>
    opened([report(1)], async (page, appliance) => {
      await voice.say("report", report(2));
      await row(page, 2).waitFor();
      await broker.stop();
      await page.locator("[data-link=lost]").waitFor();
      await page.locator(".hero-doubt").getByText("A newer one may exist").waitFor();
      // Measured while the page was cut off: it is only in the appliance's memory.
      appliance.reports = [report(1), report(2), review(3)];
      await broker.start();
      await page.locator("[data-link=connected]").waitFor();
      await row(page, 3).waitFor();
      await voice.say("report", review(3));
      await voice.say("report", report(2));
      await voice.say("report", report(4));
      await row(page, 4).waitFor();
      assert.deepEqual(await rows(page).evaluateAll((all) => all.map((a) => a.getAttribute("data-report"))), ["r-000004", "r-000003", "r-000002", "r-000001"]);
      assert.equal(await page.locator(".hero-doubt").count(), 0);
      assert.deepEqual(await counts(page), { accept: "3", review: "1", repeat: "0", not_applicable: "0" });
    }));

  test("counts verdicts; films that are no neck are only counted", () =>
    opened([], async (page) => {
      for (const payload of [report(1), report(2), review(3), repeat(4), notANeck(5), notANeck(5), notANeck(6), report(7)]) await voice.say("report", payload);
      await row(page, 7).waitFor();
      assert.deepEqual(await counts(page), { accept: "3", review: "1", repeat: "1", not_applicable: "2" });
      await listed(page, 5);
      await voice.say("health", { passed_over_today: 9 }, true);
      await page.locator("[data-count=not_applicable]").getByText("9").waitFor();
    }));

  test("shows hostile text as text", () =>
    opened([], async (page) => {
      const evil = `<img src=x onerror="window.owned=1"><script>window.owned=1</script>`;
      const turned = "\u202Eabc";
      await voice.say("report", report(1, {
        source: { file: `dir/${evil.replaceAll("/", "∕")}`, patient: evil, study_key: "k", format: evil },
        acquired_at: evil, notice: evil + turned,
        view: { position: evil, facing: "javascript:window.owned=1" },
        measurements: [{ name: evil, level: null, value: 1, unit: evil, status: "ok" }, { name: evil, level: `${evil}-x`, value: 1, unit: "mm", status: evil }],
        findings: [{ name: evil, level: evil, present: true, certainty: evil, threshold: 1, detail: evil }],
        quality: { verdict: evil, reasons: [{ code: evil, dicom_code: evil, text: evil }], c7_visibility: evil, exposure: evil },
        engine: { provider: evil, precision: evil, models: [{ role: evil, sha256: evil }] },
      }));
      await voice.say("fault", fault(evil, { code: evil, reason: evil, remedy: evil, put: evil }));
      await voice.say("study/k", { summary: evil, missing: [evil] }, true);
      await voice.say("status", { state: evil, since: "2025-03-04T06:58:03Z", detail: evil }, true);
      await page.locator("[data-faults]").waitFor();
      await page.locator("#study-title").waitFor();
      await page.getByText("could not be measured").click();
      assert.match(await page.locator(".notice").innerText(), /<img src=x onerror/);
      assert.equal(await page.locator("#root script, #root img[src=x], #root [onerror]").count(), 0);
      assert.equal(await page.evaluate(() => (window as unknown as { owned?: number }).owned), undefined);
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.equal(sideways, false, "long text pushes the page sideways");
    }));

  test("tells of an unknown schema calmly and goes on", () =>
    opened([report(1)], async (page) => {
      await voice.say("report", { ...report(2), schema: "sagitta.report/2" });
      await voice.say("report", "{ this is no JSON");
      await voice.say("overlay/r-1", "no picture");
      await voice.say("report", report(3));
      await row(page, 3).waitFor();
      assert.match(await page.locator("[data-stranger]").innerText(), /1 report came in a form this page does not know \(sagitta\.report\/2\)/);
      assert.match(await page.locator("[data-unreadable='2']").innerText(), /2 messages could not be read/);
      await listed(page, 2);
    }));

  test("shows the appliance's state, also when told before the page was opened", async () => {
    await voice.say("status", status("degraded", "TensorRT refused FP16"), true);
    await opened([report(1)], async (page) => {
      const badge = page.locator("[data-appliance]");
      await page.locator("[data-appliance=degraded]").waitFor();
      assert.match(await badge.innerText(), /room-1 Degraded[\s\S]*since .*07:58 · TensorRT refused FP16/);
      await voice.say("status", status("offline"), true);
      await page.locator("[data-appliance=offline]").waitFor();
      await page.locator(".hero-doubt").getByText("The appliance is offline").waitFor();
    });
  });

  test("shows everything that the appliance tells of itself", () =>
    opened([report(1)], async (page) => {
      await voice.say("info", { schema: "sagitta.info/1", version: "0.1.0", models: [{ role: "detector", sha256: "ab12" }] }, true);
      await voice.say("health", { schema: "sagitta.health/1", outbox: { waiting: 3 }, temperatures: [{ sensor: "cpu", celsius: 41.5 }] }, true);
      await page.getByRole("link", { name: "Appliances" }).click();
      await page.getByText("Everything it tells").click();
      assert.match(await page.locator(".appliance").innerText(), /outbox waiting\s+3\s+temperatures 1 sensor\s+cpu\s+temperatures 1 celsius\s+41\.5[\s\S]*models 1 role\s+detector/);
    }));

  test("shows faults calmly, and a repeated one once", () =>
    opened([], async (page) => {
      await voice.say("fault", fault("2025-03-04/CR2001.dcm"));
      await voice.say("fault", fault("2025-03-04/CR2001.dcm"));
      await voice.say("fault", fault("2025-03-04/CR2002.dcm"));
      await page.locator("[data-faults='2']").waitFor();
      await page.getByText("2 files could not be measured").click();
      assert.match(await page.locator("[data-fault]").first().innerText(), /CR2002\.dcm[\s\S]*Truncated[\s\S]*ends 1 204 112 bytes before/);
    }));

  test("follows the newest film until one is chosen, and back", () =>
    opened([report(1), report(2)], async (page) => {
      await detailOf(page, 2).waitFor();
      await row(page, 1).click();
      await detailOf(page, 1).waitFor();
      await voice.say("report", repeat(3));
      await row(page, 3).waitFor();
      assert.equal(await detailOf(page, 1).count(), 1, "a chosen film is not taken away");
      await page.getByRole("link", { name: "Newest film" }).click();
      await detailOf(page, 3).waitFor();
      await page.goBack();
      await detailOf(page, 1).waitFor();
    }));

  test("can be walked through by keyboard", () =>
    opened([report(1), report(2), report(3)], async (page) => {
      await rows(page).first().focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await detailOf(page, 1).waitFor();
      await page.keyboard.press("Home");
      await page.keyboard.press("Enter");
      await detailOf(page, 3).waitFor();
    }));

  test("fits a phone without scrolling sideways", () =>
    opened([...morning(), repeat(30)], async (page) => {
      await page.setViewportSize({ width: 360, height: 740 });
      const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
      assert.equal(await fits(), true);
      await row(page, 30).click();
      await page.getByRole("link", { name: "Newest film" }).waitFor();
      assert.equal(await fits(), true);
      assert.equal(await rows(page).first().isVisible(), false);
    }));
});

describe("without the appliance's memory", () => {
  test("shows what comes live, says that earlier films are missing, and fetches them later", () =>
    opened([], async (page) => {
      let down = true;
      await page.route("**/api/reports?*", (route) => (down ? route.fulfill({ status: 503, body: "{}" }) : route.continue()));
      await page.reload();
      await page.locator("[data-link=connected]").waitFor();
      await page.locator("[data-history=failed]").waitFor();
      await voice.say("report", report(1));
      await row(page, 1).waitFor();
      down = false;
      await page.locator("[data-history=failed]").waitFor({ state: "detached" });
    }));
});
