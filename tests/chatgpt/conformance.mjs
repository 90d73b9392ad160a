// Runs scenarios of the protocol's own suite one after another in this process. The suite takes one a process, and loading
// it costs more than most scenarios. Reads the arguments of each run from the file named first, and writes exit codes and
// what was printed to the second.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { format } from "node:util";

const [given, seen] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const suite = join(here, "node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js");

class Ended extends Error {}
process.on("unhandledRejection", (error) => { if (!(error instanceof Ended)) throw error; });

const run = (number, parameters) => new Promise((ended) => {
  let printed = "";
  console.log = console.error = console.warn = (...parts) => { printed += `${format(...parts)}\n`; };
  // The first exit counts: the suite takes what ends it here for an error, and exits once more.
  process.exit = (code = 0) => { ended({ code, printed }); throw new Ended(); };
  process.argv = [process.execPath, suite, ...parameters];
  import(`${pathToFileURL(suite)}?${number}`); // parsed once, begun anew each time
});

const outcomes = [];
for (const [number, parameters] of JSON.parse(readFileSync(given, "utf8")).entries()) outcomes.push(await run(number, parameters));
writeFileSync(seen, JSON.stringify(outcomes));
