// The official host: an AppBridge in a page, drawing one widget in a sandboxed frame under the policy of the specification.
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

const POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'none'";
const CAN = { openLinks: {}, serverTools: {}, message: { text: {} }, updateModelContext: { structuredContent: {} } };

// A host takes a moment for its answer, long enough for a browser to take the focus off what it may not be on.
const drawnAnew = () => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); });

let bridge, frame;
const context = (theme, width) => ({ theme, locale: "de-DE", displayMode: "inline", platform: "web", containerDimensions: { width, maxHeight: 5000 } });

window.draw = ({ html, input, result }, theme, width) => new Promise((drawn) => {
  frame = Object.assign(document.createElement("iframe"), { width, height: 300 });
  frame.setAttribute("sandbox", "allow-scripts");
  document.body.replaceChildren(frame);
  bridge = new AppBridge(null, { name: "host", version: "1" }, CAN, { hostContext: context(theme, width) });
  window.heard = { messages: [], contexts: [] };
  bridge.oncalltool = (params) => window.callTool(params);
  bridge.onmessage = async ({ content }) => { window.heard.messages.push(content[0].text); await drawnAnew(); return {}; };
  bridge.onupdatemodelcontext = async ({ structuredContent }) => { window.heard.contexts.push(structuredContent); return {}; };
  bridge.onsizechange = ({ height }) => { frame.height = height; };
  bridge.oninitialized = async () => {
    await bridge.sendToolInput({ arguments: input });
    await bridge.sendToolResult(result);
    drawn(true);
  };
  bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.srcdoc = html.replace("<head>", `<head><meta http-equiv="Content-Security-Policy" content="${POLICY}">`);
});

// The person turns to another theme or another width while the widget stands there.
window.change = (theme, width) => {
  frame.width = width;
  bridge.setHostContext(context(theme, width));
};
