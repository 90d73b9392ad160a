// Draws the logo at the sizes of the committed pictures, and says by how much a picture differs from its drawing. Takes the
// folder of the drawing and the pictures, the sizes by file name, where to write what it drew, and what it found.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chromium.mjs";

const [folder, sizes, drawn, seen] = process.argv.slice(2);
const encoded = (path, type) => `data:${type};base64,${readFileSync(path).toString("base64")}`;
const logo = encoded(join(folder, "logo.svg"), "image/svg+xml");
const browser = await launch();
const report = {};
for (const [name, size] of Object.entries(JSON.parse(sizes))) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<!doctype html><style>body { margin: 0 } img { display: block }</style><img width="${size}" height="${size}" src="${logo}">`);
  await page.locator("img").evaluate((image) => image.decode());
  await page.screenshot({ path: join(drawn, name) });
  report[name] = await page.evaluate(async ([one, other, side]) => {
    const pixels = async (address) => {
      const image = Object.assign(new Image(), { src: address });
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
      canvas.getContext("2d").drawImage(image, 0, 0);
      return canvas.getContext("2d").getImageData(0, 0, side, side).data;
    };
    const [first, second] = [await pixels(one), await pixels(other)];
    return first.reduce((most, value, at) => Math.max(most, Math.abs(value - second[at])), 0);
  }, [encoded(join(drawn, name), "image/png"), encoded(join(folder, name), "image/png"), size]);
}
await browser.close();
writeFileSync(seen, JSON.stringify(report));
