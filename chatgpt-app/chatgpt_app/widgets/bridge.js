"use strict";
// The widget's side of MCP Apps (2026-01-26): JSON-RPC with the host by postMessage, and a few words to build a card with.
const host = (() => {
  const waiting = new Map();
  let last = 0, draw = () => {}, drawn = false;
  const post = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const tell = (method, params = {}) => post({ method, params });
  const ask = (method, params = {}) => new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    post({ id: last, method, params });
  });

  function dress({ theme, styles, safeAreaInsets } = {}) {
    const root = document.documentElement;
    if (theme) root.style.colorScheme = theme;
    for (const [name, value] of Object.entries(styles?.variables ?? {})) root.style.setProperty(name, value);
    for (const [side, pixels] of Object.entries(safeAreaInsets ?? {})) document.body.style.setProperty(`padding-${side}`, `${pixels}px`);
  }
  function take(result) {
    drawn = true;
    if (result?.structuredContent) draw(result.structuredContent);
    else { show(); trouble(problem(result)); }
  }
  // What went wrong, without the sentences that name a tool: those are for the model.
  const problem = (result) => (result?.content ?? []).map((part) => part.text ?? "").join(" ")
    .split(/(?<=[.:]) /).filter((sentence) => !/[a-z]_[a-z]/.test(sentence)).join(" ");
  const heard = {
    "ui/notifications/tool-result": take,
    "ui/notifications/tool-cancelled": () => trouble("This was cancelled."),
    "ui/notifications/host-context-changed": dress,
  };

  addEventListener("message", ({ source, data }) => {
    if (source !== parent || data?.jsonrpc !== "2.0") return;
    const { id, method, params, result, error } = data;
    if (method) {
      heard[method]?.(params);
      if (id !== undefined) post({ id, result: {} });
    } else if (waiting.has(id)) {
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      error ? reject(new Error(error.message)) : resolve(result);
    }
  });

  return {
    // Begin: `card` draws the tool's structured content, now and whenever it comes.
    async start(name, card) {
      draw = card;
      const { hostContext } = await ask("ui/initialize", {
        protocolVersion: "2026-01-26", appInfo: { name, version: "1" }, appCapabilities: {},
      });
      dress(hostContext);
      tell("ui/notifications/initialized");
      new ResizeObserver(() => tell("ui/notifications/size-changed", {
        width: document.documentElement.scrollWidth, height: Math.ceil(document.body.getBoundingClientRect().height),
      })).observe(document.body);
      const early = window.openai?.toolOutput; // some hosts hand the first result over here
      if (early && !drawn) take({ structuredContent: early });
    },
    // What a tool shows; what it says instead, as an Error.
    async call(name, args) {
      const result = await ask("tools/call", { name, arguments: args });
      if (result.isError || !result.structuredContent) throw new Error(problem(result));
      return result.structuredContent;
    },
    say: (text) => ask("ui/message", { role: "user", content: [{ type: "text", text }] }).catch(() => {}),
    know: (facts) => ask("ui/update-model-context", { structuredContent: facts }).catch(() => {}),
  };
})();

const card = document.getElementById("card");
const SVG = "http://www.w3.org/2000/svg";
function make(node, properties, parts) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...parts.flat().filter((part) => part != null && part !== false));
  return node;
}
const h = (tag, properties, ...parts) => make(document.createElement(tag), properties, parts);
const svg = (tag, properties, ...parts) => make(document.createElementNS(SVG, tag), properties, parts);
const show = (...parts) => card.replaceChildren(...parts.flat().filter(Boolean));
const announce = (text) => { document.getElementById("status").textContent = text; };
function trouble(text) {
  card.querySelector("[role=alert]")?.remove();
  card.append(h("p", { role: "alert", class: "bad" }, text || "This did not work. Please try again."));
}
// A button that can not be pressed twice while it works, and keeps the focus; what goes wrong is said below the card.
const button = (text, work, properties) => h("button", { type: "button", ...properties, onclick: async ({ currentTarget }) => {
  if (currentTarget.ariaDisabled === "true") return;
  card.querySelector("[role=alert]")?.remove();
  currentTarget.ariaDisabled = "true";
  try { await work(); } catch (error) { trouble(error.message); } finally { currentTarget.ariaDisabled = null; }
} }, text);
const bar = (share, label) => svg("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": `${label}: ${percent(share)}` },
  svg("rect", { width: share, height: 8, fill: "var(--accent)" }));
const minutes = (count) => `${count} min`;
const percent = (count) => `${count}\u00a0%`; // never torn from its sign
const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const STATUS = { not_started: "Not started", in_progress: "In progress", completed: "Completed" };
