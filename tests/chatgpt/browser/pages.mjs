// Walks through every page of sign-in, and the pages of a plugin, on a phone in both themes. Reads where to go from the
// file named first, writes what it saw to the second and pictures into the folder named third.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chromium.mjs";
import { look } from "./looking.mjs";

const [given, seen, pictures] = process.argv.slice(2);
const { address, authorize, email, password } = JSON.parse(readFileSync(given, "utf8"));
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 375, height: 900 } });
const away = [];
page.on("request", (request) => { if (!request.url().startsWith(address)) away.push(request.url()); });

const report = [];
async function keep(name) {
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.screenshot({ path: join(pictures, `${name}-${theme}.png`), fullPage: true });
    report.push({ name, theme, title: await page.title(), language: await page.getAttribute("html", "lang"), ...await look(page) });
  }
}
async function send(fields) {
  for (const [label, text] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(text);
  await page.locator("form").first().getByRole("button").first().click();
}
const press = (name) => page.getByRole("button", { name }).click();

await page.goto(authorize);
await keep("sign-in");
await send({ "E-mail address": email, Password: "not the password" });
await page.getByRole("alert").waitFor();
await keep("sign-in-refused");
await press("Forgot your password?");
await keep("forgot");
await send({ "E-mail address": email });
await keep("reset");
await send({ "Code from the mail": "no such code", "New password": password });
await page.getByRole("alert").waitFor();
await keep("reset-refused");
await page.goto(authorize);
await press("Create an account");
await keep("sign-up");
await page.getByLabel("Time zone").selectOption("Europe/Berlin");
await send({ "E-mail address": email, Password: email });
await page.getByRole("alert").waitFor();
await keep("sign-up-refused");
await send({ "E-mail address": email, Password: password });
await page.getByRole("button", { name: "Do not allow" }).waitFor();
await keep("consent");
await page.goto(`${address}/oauth/authorize?client_id=nobody`);
await keep("problem");
for (const name of ["", "privacy", "terms", "support", "preview"]) {
  await page.goto(`${address}/${name}`);
  await keep(name || "home");
}
await browser.close();
writeFileSync(seen, JSON.stringify({ report, away }));
