// A newcomer on the preview page: signs in on the real pages, sees the tools, and presses a button of a widget.
import { writeFileSync } from "node:fs";
import { launch } from "./chromium.mjs";

const [address, email, password, seen, picture] = process.argv.slice(2);
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1440, height: 1000 }, colorScheme: "dark" });
const trouble = [];
page.on("console", (message) => { if (message.type() === "error") trouble.push(message.text()); });
page.on("pageerror", (error) => trouble.push(error.message));

await page.goto(`${address}/preview`);
await page.click("#sign");
async function signIn() {
  await page.fill("#email", email);
  await page.fill("#password", password);
  await page.click("form[action='sign-in'] button[type=submit]");
  await page.click("form[action='consent'] button[value=allow]");
  await page.waitForSelector("iframe");
}
await signIn();
const drawn = async (number) => (await (await page.waitForSelector(`iframe >> nth=${number}`)).contentFrame());
const widget = await drawn(0);
await widget.waitForSelector("h1");
const title = await widget.textContent("h1");
await widget.click("button >> nth=0");
await page.waitForSelector("text=In ChatGPT the model would answer now");
const tools = await page.$$eval("#tools details", (found) => found.length);
await page.screenshot({ path: picture });

// The card follows the reader to another theme and width.
const dressed = (theme, width) => widget.waitForFunction(([wanted, wide]) => document.documentElement.style.colorScheme === wanted
  && innerWidth === wide, [theme, width]);
await dressed("dark", 768);
await page.selectOption("#theme", "light");
await page.selectOption("#width", "375");
await dressed("light", 375);
await page.selectOption("#width", "768");
const controls = await page.$$eval("#tools :is([name=level], [name=fresh], [name=quiz_id])", (found) => found.map((one) => [one.name, one.type, one.required]));

// A quiz is taken to its last question, by keyboard: nothing scrolls but what the reader's focus asks for.
async function open(tool) {
  const details = page.locator("#tools details", { has: page.locator("summary", { hasText: tool }) });
  if (await details.getAttribute("open") === null) await details.locator("summary").click();
  return details;
}
const refused = await open("explain");
for (const name of ["chapter_id", "section_id"]) await refused.locator(`[name=${name}]`).fill("nowhere");
await refused.getByRole("button", { name: "Call" }).click();
await page.waitForSelector("#chat .wrong");
const refusal = await page.$$eval("#chat > *", (said) => said.slice(-2).map((one) => one.className));

await page.setViewportSize({ width: 1280, height: 720 });
const inView = [];
const frames = await page.locator("iframe").count();
const asked = await open("get_quiz");
await asked.locator("[name=quiz_id]").fill("01-intro-quiz");
await asked.getByRole("button", { name: "Call" }).click();
const quiz = await drawn(frames);
await quiz.waitForSelector("legend");
await quiz.waitForFunction(() => innerHeight > Math.ceil(document.body.getBoundingClientRect().height)); // the host knows the height
const landed = await page.evaluate(() => ({ bubble: [...document.querySelectorAll("#chat .asked")].at(-1).getBoundingClientRect().top,
  card: innerHeight - [...document.querySelectorAll("iframe")].at(-1).getBoundingClientRect().top }));
await (await quiz.$("input")).focus();
for (let number = 1; number < 10; number += 1) {
  await (await quiz.$("textarea") ? page.keyboard.type("The examples it learned from have changed.") : page.keyboard.press("Space"));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await quiz.waitForFunction((next) => document.getElementById("status").textContent.startsWith(`Question ${next} `), number + 1);
  await page.waitForTimeout(150); // whatever else the page does upon that is done
  const { y, height } = await (await quiz.$("legend")).boundingBox();
  inView.push(y >= 0 && y + height <= 720);
  await page.keyboard.press("Tab");
}
const known = await page.locator("#chat .knows:visible").count();
await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
const scrolled = await page.evaluate(() => [scrollY, document.querySelector("section").getBoundingClientRect().top]);
const cards = await page.$$eval("iframe", (found) => found.map((one) => [one.title, one.getAttribute("sandbox")]));
const troubled = [...trouble];

const kept = () => page.evaluate(() => sessionStorage.getItem("token"));
const offered = () => page.waitForFunction(() => document.getElementById("sign").textContent === "Sign in");
// What a token is still good for, once that is nothing or the time for it is over.
async function goodFor(token) {
  let answered = "";
  for (let tries = 0; !answered.startsWith("401") && tries < 50; tries += 1) {
    const answer = await page.request.post(`${address}/mcp`, { headers: { Authorization: `Bearer ${token}`,
      Accept: "application/json, text/event-stream" }, data: { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "get_streak", arguments: {} } } });
    answered = `${answer.status()} ${await answer.text()}`;
    await page.waitForTimeout(100);
  }
  return answered;
}

// Whoever is told that they are signed out has no session any more, though only their token had ended.
const first = await kept();
await page.route("**/mcp", (route) => route.fulfill({ status: 401 }));
await refused.getByRole("button", { name: "Call" }).click();
await offered();
await page.unroute("**/mcp");
const ended = await goodFor(first);
await page.click("#sign");
await signIn();

// Whoever signs out is signed out everywhere, not on this page alone.
await page.waitForFunction(() => document.getElementById("sign").textContent === "Sign out");
const second = await kept();
await page.click("#sign");
await offered();
const left = await page.evaluate(() => sessionStorage.length);
const answered = await goodFor(second);

// An answer to the sign-in that somebody else has sent (RFC 9207).
await page.evaluate(() => sessionStorage.setItem("flow", JSON.stringify({ client: "c", verifier: "v", state: "s", issuer: location.origin,
  token: "/oauth/token" })));
await page.goto(`${address}/preview?${new URLSearchParams({ state: "s", code: "c", iss: "https://elsewhere.example" })}`);
const mixed = await page.textContent("#chat .wrong");
await browser.close();
writeFileSync(seen, JSON.stringify({ left, ended, mixed, answered, title, tools, controls, refusal, scrolled, cards, inView, landed, known, trouble: troubled, url: page.url() }));
