// Draws every widget at three widths in both themes, and on a phone what becomes of it; answers a quiz by keyboard. Reads
// what to draw from the file named first, writes what it saw to the second and pictures into the folder named third.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { launch } from "./chromium.mjs";
import { look } from "./looking.mjs";

const [given, seen, pictures] = process.argv.slice(2);
const { widgets, address, token } = JSON.parse(readFileSync(given, "utf8"));
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
let sent, played; // what the last call brought along, and what the next is answered instead of by the app
async function callTool({ name, arguments: input }) {
  calls.push(name);
  sent = input;
  if (played) {
    const result = played;
    played = undefined;
    return result;
  }
  const meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "host", version: "1" } };
  const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}`,
    Accept: "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": name },
    body: JSON.stringify({ jsonrpc: "2.0", id: calls.length, method: "tools/call", params: { name, arguments: input, _meta: meta } }) });
  return (await answer.json()).result;
}
await page.exposeFunction("callTool", callTool);
await page.setContent(`<!doctype html><title>host</title><style>body { margin: 0 } iframe { border: 0 }</style>`);
await page.addScriptTag({ content: bundle.outputFiles[0].text });

async function draw(name, theme, width) {
  trouble = [];
  await page.evaluate(([widget, ...rest]) => window.draw(widget, ...rest), [widgets[name], theme, width]);
  const frame = page.frames()[1];
  await frame.waitForSelector("h1, legend");
  return frame;
}

// The widget has heard of the theme, and the host of the widget's height.
const settled = (frame, theme, width) => frame.waitForFunction(([wanted, wide]) => document.documentElement.style.colorScheme === wanted
  && innerWidth === wide && innerHeight === Math.ceil(document.body.getBoundingClientRect().height), [theme, width]);
async function keep(frame, name, theme, width) {
  await settled(frame, theme, width);
  await (await frame.frameElement()).screenshot({ path: join(pictures, `${name}-${theme}-${width}.png`) });
  report.drawn.push({ name, theme, width, trouble, ...await look(frame) });
}
async function keepAll(frame, name, widths) {
  for (const theme of ["dark", "light"]) {
    for (const width of widths) {
      await page.evaluate((changed) => window.change(...changed), [theme, width]);
      await keep(frame, name, theme, width);
    }
  }
}
for (const name of Object.keys(widgets)) await keepAll(await draw(name, "dark", 375), name, [375, 768, 1440]);

const focused = (frame) => frame.evaluate(() => document.activeElement?.tagName);
async function answerByKeyboard() {
  const frame = await draw("quiz", "light", 375);
  const first = await focused(frame), language = await frame.getAttribute("html", "lang");
  await (await frame.$("button.main")).focus();
  await page.keyboard.press("Enter");
  await frame.waitForSelector("[role=alert]");
  const refused = await frame.textContent("[role=alert]");
  await keepAll(frame, "quiz-refused", [375]);
  await (await frame.$("input")).focus();
  for (let number = 1; ; number += 1) {
    const written = await frame.$("textarea");
    if (written && number === 9) await keepAll(frame, "quiz-written", [375]);
    await (written ? page.keyboard.type("The examples it learned from have changed.") : page.keyboard.press("Space"));
    await page.keyboard.press("Tab");
    const status = await frame.textContent("#status");
    await page.keyboard.press("Enter");
    await frame.waitForFunction((before) => document.getElementById("status").textContent !== before, status);
    if (await frame.$("h1")) {
      const seen = { first, language, refused, number, focus: await focused(frame), title: await frame.textContent("h1"),
        answered: await frame.$$eval("p.answered", (found) => found.map((one) => one.textContent)),
        hints: await frame.$$eval("ul[aria-label=Hints] li", (found) => found.map((hint) => hint.textContent)),
        status: await frame.textContent("#status"), calls: [...calls], trouble, heard: await page.evaluate(() => window.heard) };
      await keepAll(frame, "quiz-marked", [375]);
      seen.moved = [];
      for (const [name, onTo] of [["Try again", "Question 1 "], ["Next", "Question 2 "], ["Back", "Question 1 "]]) {
        if (name === "Next") await (await frame.$("input")).check();
        await (await frame.$(`button:text-is('${name}')`)).focus();
        await page.keyboard.press("Enter");
        await frame.waitForFunction((wanted) => document.getElementById("status").textContent.startsWith(wanted), onTo);
        seen.moved.push([name, await focused(frame)]);
      }
      return seen;
    }
    if (await focused(frame) !== "LEGEND") throw new Error(`the focus is on ${await focused(frame)}`);
    await page.keyboard.press("Tab");
  }
}
report.quiz = await answerByKeyboard();

// Handing in fails, and the reader goes back to answer an earlier question anew.
const { structuredContent: whole } = widgets.quiz.result;
widgets.short = { ...widgets.quiz, result: { ...widgets.quiz.result, structuredContent: { ...whole, questions: whole.questions.slice(0, 2) } } };
const short = await draw("short", "light", 375);
async function answer(choice, press, awaited) {
  await (await short.$(`input >> nth=${choice}`)).check();
  await (await short.$(`button:text-is('${press}')`)).click();
  await short.waitForSelector(awaited);
}
await answer(0, "Next", "button:text-is('Hand in')");
played = { isError: true, content: [{ type: "text", text: "The course can not be reached." }] };
await answer(0, "Hand in", "[role=alert]");
await (await short.$("button:text-is('Back')")).click();
await answer(1, "Next", "button:text-is('Hand in')");
report.failed = { first: whole.questions[0], sent: sent.answers };

const course = await draw("course", "light", 375);
await (await course.$("button")).focus();
await page.keyboard.press("Enter");
await course.waitForSelector("button:is(:disabled, [aria-disabled])", { state: "detached" });
report.course = { focus: await focused(course), heard: await page.evaluate(() => window.heard.messages) };

// A message that is not the host's: its source is the widget's own window.
const foreign = await course.evaluate(async () => {
  const heard = new Promise((done) => { addEventListener("message", ({ source }) => source === window && done()); });
  postMessage({ jsonrpc: "2.0", method: "ui/notifications/tool-cancelled" }, "*");
  await heard;
  return document.querySelectorAll("[role=alert]").length;
});
const words = [{ type: "text", text: "There is no such learning path. Use get_learning_path to see the current path." }];
await page.evaluate((refused) => window.draw(refused, "light", 375), { ...widgets.path, result: { isError: true, content: words } });
report.alerts = { foreign, refused: await (await page.frames()[1].waitForSelector("[role=alert]")).textContent() };

const { result } = widgets.feedback;
const review = { original_score: 4, note: "The quote shows it." };
widgets.reviewed = { ...widgets.feedback, result: { ...result, structuredContent: { ...result.structuredContent, review } } };
report.question = await (await draw("feedback", "light", 375)).textContent("main > p:first-child");
widgets.perfect = { ...widgets.feedback, result: { ...result, structuredContent: { ...result.structuredContent, score: 10, improvements: ["A thought."] } } };
report.perfect = await (await draw("perfect", "light", 375)).$$eval("h2, button", (found) => found.map((one) => one.textContent));
report.review = await (await draw("reviewed", "light", 375)).textContent("p.box");

calls.length = 0;
const path = await draw("path", "dark", 768);
await (await path.$("button[aria-label^='Mark as done']")).focus();
await page.keyboard.press("Enter");
await path.waitForSelector("span.good:text('Done')");
await keepAll(path, "path-begun", [375]);
report.path = { calls: [...calls], focus: await focused(path), head: await path.textContent("main > p"), trouble };
widgets.again = { ...widgets.path, result: await callTool({ name: "get_learning_path", arguments: {} }) };
const again = await draw("again", "dark", 768);
report.path.again = await again.$$eval("li", (steps) => steps.map((step) => step.querySelector("span.good").textContent || step.querySelector("button:last-of-type").textContent));

// A card of an older path: the app's answer is about the newest one.
played = { content: words, structuredContent: { completed_steps: 4, total_steps: 5, percent: 80 } };
await (await again.$("button[aria-label^='Mark as done']")).click();
await again.waitForFunction(() => document.querySelectorAll("span.good:not(:empty)").length === 2);
report.path.older = await again.textContent("main > p");

await browser.close();
writeFileSync(seen, JSON.stringify(report));
