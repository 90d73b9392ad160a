import { Widget } from "/preview/host.js";

const VERSION = "2026-07-28", KEY = "io.modelcontextprotocol";
const here = `${location.origin}/preview`, resource = `${location.origin}/mcp`;
const at = (id) => document.getElementById(id);
const node = (tag, properties = {}, ...parts) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...parts);
  return made;
};

// ---- sign-in: OAuth 2.1 with PKCE, as any client does it ------------------------------------------------------------
const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
async function signIn() {
  await endSession().catch(() => {}); // a session that cannot be ended stops nobody from beginning another
  const found = await (await fetch("/.well-known/oauth-authorization-server")).json();
  const registration = { client_name: "Preview", redirect_uris: [here], grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"], token_endpoint_auth_method: "none" };
  const client = await (await fetch(found.registration_endpoint, { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify(registration) })).json();
  const verifier = text(crypto.getRandomValues(new Uint8Array(32))), state = text(crypto.getRandomValues(new Uint8Array(16)));
  const challenge = text(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  sessionStorage.setItem("flow", JSON.stringify({ client: client.client_id, verifier, state, issuer: found.issuer,
    token: found.token_endpoint, revocation: found.revocation_endpoint }));
  location.href = `${found.authorization_endpoint}?${new URLSearchParams({ response_type: "code", client_id: client.client_id,
    redirect_uri: here, scope: "learn", state, resource, code_challenge: challenge, code_challenge_method: "S256" })}`;
}
async function comeBack() {
  const answer = new URLSearchParams(location.search), flow = JSON.parse(sessionStorage.getItem("flow") ?? "{}");
  if (!answer.has("state")) return;
  history.replaceState(null, "", "/preview");
  sessionStorage.removeItem("flow");
  const own = answer.get("state") === flow.state;
  if (own && answer.get("iss") !== flow.issuer) throw new Error("Somebody else has answered this sign-in. Please try again.");
  if (!own || !answer.get("code")) throw new Error(answer.get("error_description") ?? "Sign-in was not completed.");
  const body = new URLSearchParams({ grant_type: "authorization_code", code: answer.get("code"), redirect_uri: here,
    client_id: flow.client, code_verifier: flow.verifier, resource });
  const tokens = await (await fetch(flow.token, { method: "POST", body })).json();
  if (!tokens.access_token) throw new Error(tokens.error_description ?? "Sign-in was refused.");
  for (const [name, value] of Object.entries({ token: tokens.access_token, client: flow.client, revocation: flow.revocation }))
    sessionStorage.setItem(name, value);
}
// Ends the session that the token belongs to. What that takes is kept until it is done.
async function endSession() {
  const kept = (name) => sessionStorage.getItem(name);
  if (!kept("token")) return;
  const body = new URLSearchParams({ token: kept("token"), client_id: kept("client") });
  const revoked = await fetch(kept("revocation"), { method: "POST", body });
  if (!revoked.ok) throw new Error("You could not be signed out. Please try again.");
  sessionStorage.clear();
}
async function signOut() {
  await endSession();
  location.reload();
}
function offerSignIn() {
  at("sign").textContent = "Sign in";
  at("sign").onclick = () => signIn().catch((error) => say(error.message, "said wrong"));
}

// ---- MCP over HTTP --------------------------------------------------------------------------------------------------
let last = 0;
async function ask(method, params = {}, progress = () => {}) {
  const id = ++last;
  const meta = { [`${KEY}/protocolVersion`]: VERSION, [`${KEY}/clientInfo`]: { name: "preview", version: "1" },
    [`${KEY}/clientCapabilities`]: {}, progressToken: id };
  const answer = await fetch("/mcp", { method: "POST", body: JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } }),
    headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream", "MCP-Protocol-Version": VERSION,
      "Mcp-Method": method, ...(params.name ?? params.uri ? { "Mcp-Name": params.name ?? params.uri } : {}),
      Authorization: `Bearer ${sessionStorage.getItem("token")}` } });
  if (answer.status === 401) {
    await endSession().catch(() => {}); // the session may live longer than its token
    offerSignIn();
    throw new Error("You are signed out. Please sign in again.");
  }
  for (const message of await messages(answer, progress)) {
    if (message.error) throw new Error(message.error.message);
    if (message.id === id) return message.result;
  }
  throw new Error(`The app answered ${answer.status}.`);
}
async function messages(answer, progress) {
  if (!answer.headers.get("Content-Type")?.startsWith("text/event-stream")) return [await answer.json()];
  const found = [], reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return found;
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines.filter((one) => one.startsWith("data:"))) {
      const message = JSON.parse(line.slice(5));
      message.method === "notifications/progress" ? progress(message.params.message ?? "") : found.push(message);
    }
  }
}

// ---- the page -------------------------------------------------------------------------------------------------------
const documents = new Map();
async function page(uri) {
  if (!documents.has(uri)) documents.set(uri, (await ask("resources/read", { uri })).contents[0].text);
  return documents.get(uri);
}
const say = (words, className) => { const said = node("p", { className }, words); at("chat").append(said); said.scrollIntoView({ block: "nearest" }); return said; };

// Gives the words of the call, for who wants to see them and the answer from their beginning.
async function call(tool, input) {
  const asked = say(`${tool.name} ${JSON.stringify(input)}`, "asked");
  const status = say(`${tool._meta["openai/toolInvocation/invoking"]}…`, "hint");
  try {
    const result = await ask("tools/call", { name: tool.name, arguments: input }, (stage) => { status.textContent = `${stage}…`; });
    if (result.isError) status.remove();
    else status.textContent = tool._meta["openai/toolInvocation/invoked"];
    const uri = tool._meta.ui?.resourceUri;
    const words = say(result.content.map((part) => part.text).join("\n"), result.isError ? "said wrong" : "said");
    if (uri && !result.isError) {
      words.replaceWith(node("details", {}, node("summary", {}, "What the model reads"), words.cloneNode(true)));
      draw(await page(uri), input, result);
    }
  } catch (error) {
    status.remove();
    say(error.message, "said wrong");
  }
  return asked;
}
// What a card has told the model, folded below it; the card's newest words replace the earlier ones.
function knowing() {
  const facts = node("pre"), folded = node("details", { className: "knows hint", hidden: true }, node("summary", {}, "What the model knows of this card"), facts);
  folded.setAttribute("aria-live", "off");
  return { folded, learn: (known) => { facts.textContent = JSON.stringify(known, null, 2); folded.hidden = false; } };
}
const context = () => ({ theme: at("theme").value, displayMode: "inline", locale: navigator.language, platform: "web" });
const width = () => Number(at("width").value);
const drawn = [];
if (matchMedia("(prefers-color-scheme: dark)").matches) at("theme").value = "dark";
for (const choice of ["theme", "width"]) at(choice).onchange = () => drawn.forEach((widget) => widget.change(context(), width()));
function draw(html, input, result) {
  const { folded, learn } = knowing();
  drawn.push(new Widget(at("chat"), html, { context: context(), input, result, width: width(), answers: {
    "tools/call": (params) => ask("tools/call", params),
    "ui/message": ({ content }) => { say(content.map((part) => part.text).join(" "), "asked"); say("In ChatGPT the model would answer now. Choose a tool to go on.", "hint"); return {}; },
    "ui/update-model-context": ({ structuredContent }) => { learn(structuredContent); return {}; },
  } }));
  at("chat").append(folded);
}
const LONG = 500; // characters: what may be longer gets more than a line
function control(name, schema, required) {
  if (schema.enum) return node("select", { name, required }, ...schema.enum.map((one) => new Option(one, one, false, one === schema.default)));
  if (schema.type === "boolean") return node("input", { name, type: "checkbox", checked: schema.default === true });
  if (schema.type === "object" || schema.maxLength > LONG) return node("textarea", { name, required, rows: 3 });
  return node("input", { name, required });
}
function field(name, schema, required) {
  const about = [required && "(required)", schema.description].filter(Boolean).join(" ");
  return node("label", {}, `${name} `, node("span", { className: "hint" }, about), control(name, schema, required));
}
function value(schema, given) {
  if (schema.type === "object") return JSON.parse(given);
  return schema.type === "boolean" ? true : given; // a box that is not ticked is not given
}
function form(tool) {
  const known = Object.entries(tool.inputSchema.properties ?? {});
  const fields = known.map(([name, schema]) => field(name, schema, (tool.inputSchema.required ?? []).includes(name)));
  const made = node("form", { onsubmit: (event) => {
    event.preventDefault();
    const given = new FormData(made);
    try {
      const input = Object.fromEntries(known.filter(([name]) => given.get(name)).map(([name, schema]) => [name, value(schema, given.get(name))]));
      call(tool, input).then((asked) => asked.scrollIntoView({ block: "start" }));
    } catch { say("“answers” should be JSON, for example {\"q1\": \"a\", \"q6\": true}.", "said wrong"); }
  } }, ...fields, node("button", {}, "Call"));
  return node("details", {}, node("summary", {}, `${tool.title} `, node("span", { className: "hint" }, tool.name)), node("p", { className: "hint" }, tool.description), made);
}
async function begin() {
  try {
    await comeBack();
    if (!sessionStorage.getItem("token")) return offerSignIn();
    at("sign").textContent = "Sign out";
    at("sign").onclick = () => signOut().catch((error) => say(error.message, "said wrong"));
    const { tools } = await ask("tools/list");
    at("tools").replaceChildren(...tools.filter((tool) => !tool._meta.ui?.visibility).map(form));
    await call(tools.find((tool) => tool.name === "list_chapters"), {});
  } catch (error) {
    offerSignIn();
    say(error.message, "said wrong");
  }
}
begin();
