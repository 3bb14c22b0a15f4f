/**
 * Runs one group of tests: `node tests/run.mjs unit|browser|shots [FILE]`; with FILE (`ward`) only that one of the group.
 *
 * Node 20 does not read TypeScript, so the tests are bundled first; packages stay outside the bundles.
 */

import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const group = process.argv[2];
const folders = { unit: "unit", browser: "browser", shots: "shots" };
const folder = folders[group];
if (folder === undefined) {
  console.error(`usage: node tests/run.mjs ${Object.keys(folders).join("|")}`);
  process.exit(2);
}

const out = join(here, "..", ".test", folder);
rmSync(out, { recursive: true, force: true });
const wanted = process.argv[3];
const entries = readdirSync(join(here, folder)).filter((name) => name.endsWith(".test.ts") && (wanted === undefined || name === `${wanted}.test.ts`));
if (entries.length === 0) throw new Error(`there are no tests in ${folder}`);
await build({
  absWorkingDir: join(here, ".."),
  entryPoints: entries.map((name) => join(here, folder, name)),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: "inline",
  logLevel: "warning",
});
const files = entries.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
const node = spawnSync(
  process.execPath,
  // A fixed zone, so that a time on the page can be asserted; one browser at a time.
  ["--enable-source-maps", "--test", "--test-concurrency=1", "--test-reporter=spec", ...files],
  { stdio: "inherit", cwd: join(here, ".."), env: { ...process.env, TZ: "Europe/Berlin" } },
);
process.exit(node.status ?? 1);
