// A newcomer on the preview page: signs in on the real pages, sees the tools, and presses a button of a widget.
import { writeFileSync } from "node:fs";
import { launch } from "./chromium.mjs";

const [address, email, password, seen, picture] = process.argv.slice(2);
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
const trouble = [];
page.on("console", (message) => { if (message.type() === "error") trouble.push(message.text()); });
page.on("pageerror", (error) => trouble.push(error.message));

await page.goto(`${address}/preview`);
await page.click("#sign");
await page.fill("#email", email);
await page.fill("#password", password);
await page.click("form[action='sign-in'] button[type=submit]");
await page.click("form[action='consent'] button[value=allow]");
await page.waitForSelector("iframe");
const widget = page.frames().find((frame) => frame !== page.mainFrame());
await widget.waitForSelector("h1");
const title = await widget.textContent("h1");
await widget.click("button >> nth=0");
await page.waitForSelector("text=In ChatGPT the model would answer now");
const tools = await page.$$eval("#tools details", (found) => found.length);
await page.screenshot({ path: picture });
await browser.close();
writeFileSync(seen, JSON.stringify({ title, tools, trouble, url: page.url() }));
