/**
 * Builds the page into dist/: one script and one style sheet whose names carry their hash, so that a browser may keep
 * them for ever and never mixes two versions. The folder is exchanged whole: there is never half a page.
 */

import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "dist");
const fresh = join(here, `.dist-${process.pid}`);

try {
  await mkdir(join(fresh, "assets"), { recursive: true });
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: ["src/main.tsx"],
    outdir: join(fresh, "assets"),
    entryNames: "[name]-[hash]",
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  const outputs = Object.keys(metafile.outputs).map((output) => basename(output));
  const html = (await readFile(join(here, "src/index.html"), "utf8"))
    .replace("{{js}}", one(outputs, ".js"))
    .replace("{{css}}", one(outputs, ".css"));
  await writeFile(join(fresh, "index.html"), html);
  await cp(join(here, "src/icon.svg"), join(fresh, "icon.svg"));
  await writeFile(join(fresh, "licences.txt"), await licences(metafile));
  await rm(target, { recursive: true, force: true });
  await rename(fresh, target);
  const bytes = Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
  console.log(`Built the page: dashboard/dist, ${Math.round(bytes / 1024)} KiB.`);
} finally {
  await rm(fresh, { recursive: true, force: true });
}

function one(names, ending) {
  const found = names.filter((name) => name.endsWith(ending));
  if (found.length !== 1) throw new Error(`expected one ${ending} file, got ${found.length}`);
  return found[0];
}

/** The licences of what is inside the script travel with it. */
async function licences(metafile) {
  const packages = new Set(
    Object.keys(metafile.inputs).flatMap((input) => input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1] ?? []),
  );
  const parts = await Promise.all([...packages].sort().map(async (name) => {
    const folder = join(here, "node_modules", name);
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} carries no licence file`);
    return `${name}\n\n${await readFile(join(folder, file), "utf8")}`;
  }));
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}
