/**
 * Is docs/asyncapi.yaml a valid AsyncAPI document? Asks AsyncAPI's own parser (the one inside its command line and its
 * Studio), which also follows every reference into docs/schemas. Ends with 1 and every problem where it is not; and where a
 * document that is broken on purpose would pass, because then the check itself is worthless.
 */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Parser } from "@asyncapi/parser";

const docs = join(dirname(fileURLToPath(import.meta.url)), "../../../docs");
const text = readFileSync(join(docs, "asyncapi.yaml"), "utf8");
/** Of the parser's severities: 0 is an error, 1 a warning; what follows is advice. */
const GRAVE = 1;

async function problems(yaml) {
  // References are relative to the document.
  const { document, diagnostics } = await new Parser().parse(yaml, { source: join(docs, "asyncapi.yaml") });
  const grave = diagnostics.filter(({ severity }) => severity <= GRAVE).map(({ code, path, message }) => `${path.join(".")}: ${message} (${code})`);
  return { document, grave };
}

const { document, grave } = await problems(text);
if (grave.length > 0 || document === undefined) {
  console.error(`docs/asyncapi.yaml is not valid:\n${grave.join("\n")}`);
  process.exit(1);
}
const messages = document.messages().all();
for (const message of messages) {
  if (message.payload() === undefined) throw new Error(`${message.id()} has no payload`);
}
for (const [what, broken] of [
  ["an unknown action", text.replace("action: send", "action: shout")],
  ["a schema that is not there", text.replace("schemas/report.json", "schemas/nowhere.json")],
  ["a channel that is not there", text.replace("'#/channels/report'", "'#/channels/nowhere'")],
]) {
  if (broken === text) throw new Error(`${what}: the document has changed, and this check with it must`);
  const { grave: found } = await problems(broken);
  if (found.length === 0) throw new Error(`${what} was not noticed`);
}
console.log(`docs/asyncapi.yaml is valid AsyncAPI ${document.version()}: ${document.channels().length} channels, ${messages.length} messages.`);
