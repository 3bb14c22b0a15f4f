/** A drawn stand-in for an overlay: a real JPEG with six bodies and a plumb line, made by the browser under test. */

import type { Browser } from "playwright-core";

export async function drawFilm(browser: Browser): Promise<Buffer> {
  const page = await browser.newPage();
  try {
    const data = await page.evaluate(() => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [1000, 1200];
      const c = canvas.getContext("2d");
      if (c === null) throw new Error("no canvas");
      const air = c.createLinearGradient(0, 0, 1000, 0);
      [[0, "#050505"], [0.3, "#222"], [0.55, "#484848"], [0.8, "#262626"], [1, "#080808"]].forEach(([at, colour]) => air.addColorStop(Number(at), String(colour)));
      c.fillStyle = air;
      c.fillRect(0, 0, 1000, 1200);
      c.filter = "blur(14px)";
      c.fillStyle = "#7b7b7b";
      c.beginPath(); c.ellipse(560, 60, 380, 170, 0, 0, 7); c.fill();
      c.fillStyle = "#6a6a6a";
      c.beginPath(); c.ellipse(480, 1230, 560, 210, 0, 0, 7); c.fill();
      c.filter = "blur(2px)";
      const bodies = Array.from({ length: 6 }, (_, i) => ({ x: 500 - 46 * Math.sin(0.3 + i / 1.9), y: 250 + i * 132, a: (14 - i * 6) * Math.PI / 180, w: 128 + i * 6, h: 92 }));
      for (const b of bodies) {
        c.save(); c.translate(b.x, b.y); c.rotate(b.a);
        c.fillStyle = "#b5b5b5"; c.beginPath(); c.roundRect(-b.w / 2, -b.h / 2, b.w, b.h, 14); c.fill();
        c.fillStyle = "#8a8a8a"; c.beginPath(); c.roundRect(b.w / 2 + 74, -22, 96, 44, 18); c.fill();
        c.restore();
      }
      c.filter = "none";
      bodies.forEach((b, i) => {
        c.save(); c.translate(b.x, b.y); c.rotate(b.a);
        c.strokeStyle = "#38d0c0"; c.lineWidth = 3; c.strokeRect(-b.w / 2, -b.h / 2, b.w, b.h);
        c.fillStyle = "#ffd75e";
        for (const [sx, sy] of [[-1, -1], [1, -1], [-1, 1], [1, 1]] as const) { c.beginPath(); c.arc(sx * b.w / 2, sy * b.h / 2, 6, 0, 7); c.fill(); }
        c.fillStyle = "#fff"; c.font = "600 28px sans-serif"; c.fillText(`C${i + 2}`, -b.w / 2 - 62, 10);
        c.restore();
      });
      c.strokeStyle = "#ff8fb1"; c.setLineDash([14, 10]); c.lineWidth = 3;
      c.beginPath(); c.moveTo(490, 250); c.lineTo(490, 1100); c.stroke();
      return canvas.toDataURL("image/jpeg", 0.85);
    });
    return Buffer.from(data.slice(data.indexOf(",") + 1), "base64");
  } finally {
    await page.close();
  }
}
