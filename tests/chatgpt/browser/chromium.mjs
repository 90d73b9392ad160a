// A browser that needs nothing of the machine: program, libraries and fonts come inside an npm package (Linux, x64).
// CHROMIUM names another one, where that one does not run.
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "..", "node_modules");
const folder = join(modules, ".chromium");

async function unpack() {
  const unfinished = `${folder}-${process.pid}`;
  mkdirSync(unfinished);
  process.env.TMPDIR = unfinished; // where the package unpacks to
  const { inflate } = await import("@sparticuz/chromium");
  const bin = join(modules, "@sparticuz", "chromium", "bin");
  await Promise.all(["chromium.br", "al2023.tar.br", "fonts.tar.br"].map((name) => inflate(join(bin, name))));
  delete process.env.TMPDIR;
  if (!existsSync(folder)) renameSync(unfinished, folder);
  rmSync(unfinished, { recursive: true, force: true });
}

export async function launch() {
  if (process.env.CHROMIUM) return chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  if (!existsSync(folder)) await unpack();
  const libraries = [join(folder, "al2023", "lib"), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return chromium.launch({
    executablePath: join(folder, "chromium"),
    args: ["--no-sandbox", "--headless=shell"],
    env: { ...process.env, LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: join(here, "fonts.conf") },
  });
}
