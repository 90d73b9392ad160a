// The host's side of MCP Apps (2026-01-26): draws a widget in a sandboxed frame and answers what it asks.
const POLICY = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">`;

export class Widget {
  // `answers` holds a function for each request the widget may make; `context` is told to it at the start. The frame is
  // called as the widget's document is.
  constructor(place, html, { context, result, input, answers, width }) {
    this.context = context;
    this.answers = answers;
    this.first = { input, result };
    this.frame = document.createElement("iframe");
    this.frame.title = new DOMParser().parseFromString(html, "text/html").title;
    this.frame.setAttribute("sandbox", "allow-scripts");
    this.frame.style.height = "200px";
    this.fit(width);
    this.frame.srcdoc = html.replace("<head>", `<head>${POLICY}`);
    addEventListener("message", (event) => { if (event.source === this.frame.contentWindow) this.hear(event.data); });
    place.append(this.frame);
  }
  fit(width) {
    this.frame.style.width = `${width}px`;
    this.frame.style.colorScheme = this.context.theme;
  }
  // The reader turns to another theme or width while the widget stands there.
  change(context, width) {
    this.context = context;
    this.fit(width);
    this.tell("ui/notifications/host-context-changed", context);
  }
  post(message) { this.frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*"); }
  tell(method, params) { this.post({ method, params }); }

  async hear({ id, method, params }) {
    if (method === "ui/notifications/initialized") {
      this.tell("ui/notifications/tool-input", { arguments: this.first.input });
      this.tell("ui/notifications/tool-result", this.first.result);
    } else if (method === "ui/notifications/size-changed") {
      this.frame.style.height = `${params.height + 2}px`;
    } else if (id !== undefined && method) {
      try {
        this.post({ id, result: await this.answer(method, params) });
      } catch (error) {
        this.post({ id, error: { code: -32000, message: error.message } });
      }
    }
  }
  async answer(method, params) {
    if (method === "ui/initialize") {
      return { protocolVersion: "2026-01-26", hostInfo: { name: "course-companion-preview", version: "1" },
        hostCapabilities: { serverTools: {}, message: {}, updateModelContext: {} }, hostContext: this.context };
    }
    if (!this.answers[method]) throw new Error(`This preview does not answer ${method}.`);
    return this.answers[method](params);
  }
}
