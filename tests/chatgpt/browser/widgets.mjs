// Draws every widget at three widths in both themes, and answers a quiz by keyboard. Reads what to draw from the file
// that is named first, writes what it saw to the second and pictures into the folder named third.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { launch } from "./chromium.mjs";

const [given, seen, pictures] = process.argv.slice(2);
const { widgets, address, token } = JSON.parse(readFileSync(given, "utf8"));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const here = dirname(fileURLToPath(import.meta.url));
const bundle = await build({ entryPoints: [join(here, "host.mjs")], bundle: true, write: false, format: "iife", logLevel: "error" });
const report = { drawn: [], quiz: null, path: null };

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1500, height: 1200 } });
let trouble = [];
page.on("request", (request) => trouble.push(`request: ${request.url()}`));
page.on("console", (message) => { if (["error", "warning"].includes(message.type())) trouble.push(`console: ${message.text()}`); });
page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
const calls = [];
await page.exposeFunction("callTool", async ({ name, arguments: input }) => {
  calls.push(name);
  const meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "host", version: "1" } };
  const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}`,
    Accept: "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": name },
    body: JSON.stringify({ jsonrpc: "2.0", id: calls.length, method: "tools/call", params: { name, arguments: input, _meta: meta } }) });
  return (await answer.json()).result;
});
await page.setContent(`<!doctype html><title>host</title><style>body { margin: 0 } iframe { border: 0 }</style>`);
await page.addScriptTag({ content: bundle.outputFiles[0].text });

async function draw(name, theme, width) {
  trouble = [];
  await page.evaluate(([widget, ...rest]) => window.draw(widget, ...rest), [widgets[name], theme, width]);
  const frame = page.frames()[1];
  await frame.waitForSelector("h1, legend");
  return frame;
}

for (const name of Object.keys(widgets)) {
  for (const theme of ["light", "dark"]) {
    for (const width of [375, 768, 1440]) {
      const frame = await draw(name, theme, width);
      await frame.evaluate(axe);
      const { violations } = await frame.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa"] }));
      const overflow = await frame.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      await (await frame.frameElement()).screenshot({ path: join(pictures, `${name}-${theme}-${width}.png`) });
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
      report.drawn.push({ name, theme, width, trouble, overflow, violations: found });
    }
  }
}

const focused = (frame) => frame.evaluate(() => document.activeElement?.tagName);
async function answerByKeyboard() {
  const frame = await draw("quiz", "light", 375);
  await (await frame.$("button.main")).focus();
  await page.keyboard.press("Enter");
  await frame.waitForSelector("[role=alert]");
  const refused = await frame.textContent("[role=alert]");
  await (await frame.$("input")).focus();
  for (let number = 1; ; number += 1) {
    const written = await frame.$("textarea");
    await (written ? page.keyboard.type("The examples it learned from have changed.") : page.keyboard.press("Space"));
    await page.keyboard.press("Tab");
    const status = await frame.textContent("#status");
    await page.keyboard.press("Enter");
    await frame.waitForFunction((before) => document.getElementById("status").textContent !== before, status);
    if (await frame.$("h1")) return { refused, number, focus: await focused(frame), title: await frame.textContent("h1"),
      status: await frame.textContent("#status"), calls: [...calls], trouble, heard: await page.evaluate(() => window.heard) };
    if (await focused(frame) !== "LEGEND") throw new Error(`the focus is on ${await focused(frame)}`);
    await page.keyboard.press("Tab");
  }
}
report.quiz = await answerByKeyboard();

calls.length = 0;
const path = await draw("path", "dark", 768);
await path.click("button[aria-label^='Tick off']");
await path.waitForSelector("span.good:text('Done')");
report.path = { calls: [...calls], head: await path.textContent("main > p"), trouble };

await browser.close();
writeFileSync(seen, JSON.stringify(report));
