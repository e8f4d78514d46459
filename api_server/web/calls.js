// Calls of the server, as both pages make them. Paths are relative to the page, so that they hold
// behind a proxy that puts a prefix before them.

export const urlOf = (path) => new URL(path.replace(/^\/?/, "./"), document.baseURI).href;

// The API key, which this tab of the browser keeps until it is closed. The field for it is there once
// it is needed.
const KEY = "chorus-api-key";
export const hasKey = () => Boolean(sessionStorage.getItem(KEY));
const keyField = document.getElementById("key");
keyField.value = sessionStorage.getItem(KEY) ?? "";
const showKeyField = () => { document.getElementById("key-choice").hidden = false; };
if (hasKey()) showKeyField();
keyField.addEventListener("change", () => {
  sessionStorage.setItem(KEY, keyField.value.trim());
  location.reload();
});

// fetch() with the key.
export async function call(url, { headers = {}, ...options } = {}) {
  const key = hasKey() ? { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` } : {};
  const reply = await fetch(url, { ...options, headers: { ...headers, ...key } });
  if (reply.status === 401) showKeyField();
  return reply;
}

// What a command that makes the same call has besides; not the key itself, which is nobody else's.
export const keyArgument = () => (hasKey() ? ` \\\n  -H "Authorization: Bearer $CHORUS_API_KEY"` : "");

export const shellQuote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

// The events {event, data} of a text/event-stream body (the HTML standard, section 9.2.6).
export async function* serverSentEvents(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let event = "message";
  let data = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    // A carriage return at the end may be half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { event, data: data.join("\n") };
        event = "message";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const content = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event = content;
      if (field === "data") data.push(content);
    }
  }
}

// What the user is told. `fields` are those that are wrong; `branch` is the node that failed, and
// `status` the code's name, where the server said so.
export class Failure extends Error {
  constructor(title, message, { hint = "", fields = [], branch, status } = {}) {
    super(message);
    Object.assign(this, { title, hint, fields, branch, status });
  }
}

const TITLES = {
  INVALID_ARGUMENT: "The request needs a change",
  UNAUTHENTICATED: "The server wants an API key",
  PERMISSION_DENIED: "The API key is not for this",
  NOT_FOUND: "There is no such thing on this server",
  RESOURCE_EXHAUSTED: "The server is full",
  UNAVAILABLE: "A model is not available",
  DEADLINE_EXCEEDED: "It took too long",
  INTERNAL: "The server made a mistake",
};

// Of an `error` event, or of the error of a reply.
export function failureOf({ status, message, code, details = [], retryable, branch }, retryAfter) {
  const fields = details.flatMap((detail) => detail.field_violations ?? []).map((violation) => violation.field);
  let hint = "";
  if (retryAfter) hint = `Try again in ${retryAfter} s.`;
  else if (retryable) hint = "The same request may work in a moment.";
  return new Failure(TITLES[status] ?? `The request failed (${status ?? code})`, message ?? "", { hint, fields, branch, status });
}

export async function failureOfReply(reply) {
  const body = await reply.json().catch(() => null);
  if (body?.error) return failureOf(body.error, reply.headers.get("Retry-After"));
  return new Failure(`The server answered ${reply.status}`, reply.statusText || "It gave no reason.");
}

// Copies what `pre` shows when `button` is pressed.
export function copyOnClick(button, pre) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {  // No permission, or plain HTTP: it can be copied by hand.
      getSelection().selectAllChildren(pre);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
