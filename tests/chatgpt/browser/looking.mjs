// What a page or a frame looks like to somebody who depends on it: WCAG AA by axe, and whether it fits its width.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], rules: { "label-content-name-mismatch": { enabled: true } },
  resultTypes: ["violations"] };

export async function look(frame) {
  if (!await frame.evaluate(() => "axe" in window)) await frame.evaluate(axe);
  const found = await frame.evaluate((rules) => window.axe.run(document, rules), RULES);
  return {
    overflow: await frame.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    violations: found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`),
  };
}
