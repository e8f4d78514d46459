// The page at /: sends a prompt to POST /classify_generated_texts:stream and shows each branch as it
// comes. Texts of the server reach the document as text nodes only.

import { byId, make } from "./dom.js";
import { watchGraph } from "./graph.js";

const STREAM_PATH = "/classify_generated_texts:stream";
const GRAPH_PATH = "/v1/graphs/inference_graph";
const PARAMETERS = ["max_length", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed"];
const STAGES = ["queue", "prefill", "decode", "classify"];
const STATES = { idle: "", waiting: "waiting", writing: "writing", scoring: "scoring", done: "done", failed: "not finished" };

const form = byId("form");
const promptBox = byId("prompt");
const statusLine = byId("status");

// --- the request ---

// "a\nb" as it is typed into one line: \n, \t and \\ stand for what they do in C.
const unescape = (text) => text.replace(/\\([nt\\])/g, (_, c) => ({ n: "\n", t: "\t", "\\": "\\" })[c]);

// The query string's pairs, in order: what differs from the server's defaults.
function queryPairs() {
  const pairs = [];
  for (const name of PARAMETERS) {
    const value = byId(name).value.trim();
    if (value !== "") pairs.push([name, value]);
  }
  if (!byId("do_sample").checked) pairs.push(["do_sample", "false"]);
  for (const line of byId("stop").value.split("\n")) if (line !== "") pairs.push(["stop", unescape(line)]);
  return pairs;
}

function target() {
  return `${STREAM_PATH}?${new URLSearchParams([...queryPairs(), ["explain", "true"]])}`;
}

const shellQuote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function showRequest() {
  byId("curl").textContent =
    `curl -N -X POST ${shellQuote(location.origin + target())} \\\n` +
    `  -H 'Content-Type: text/plain' --data-raw ${shellQuote(promptBox.value)}`;
  const changed = queryPairs().length;
  byId("changed").textContent = changed === 0 ? "" : `${changed} changed`;
}

// --- one branch ---

class Column {
  constructor(branch) {
    this.branch = branch;
    this.prompt = make("span", "prompt");
    this.text = document.createTextNode("");
    this.caret = make("span", "caret");
    this.caret.setAttribute("aria-hidden", "true");
    this.state = make("span", "state");
    const name = make("h2", "", branch);
    this.label = make("span", "label", "not scored yet");
    this.percent = make("span", "percent");
    this.fill = make("span", "fill");
    this.meter = make("div", "meter", this.fill);
    this.meter.setAttribute("role", "meter");
    this.meter.setAttribute("aria-label", `score of ${branch}`);
    this.meter.setAttribute("aria-valuemin", "0");
    this.meter.setAttribute("aria-valuemax", "1");
    this.meter.setAttribute("aria-valuenow", "0");
    this.timing = make("div", "timing");
    this.element = make(
      "article", "card column",
      make("header", "", name, this.state),
      make("div", "text", this.prompt, this.text, this.caret),
      make("footer", "", make("div", "score", this.label, this.percent), this.meter, this.timing));
    name.id = `branch-${Column.count = (Column.count ?? 0) + 1}`;
    this.element.setAttribute("aria-labelledby", name.id);
    this.setState("idle");
  }

  setState(state) {
    this.element.dataset.state = state;
    this.state.textContent = STATES[state];
  }

  onToken(event, sinceStart) {
    if (this.firstTokenMs === undefined && event.text) {
      this.firstTokenMs = sinceStart;
      this.showTiming({});
    }
    this.text.data += event.text ?? "";
    this.numTokens = (this.numTokens ?? 0) + (event.num_tokens ?? 0);
    this.setState(event.finish_reason ? "scoring" : "writing");
  }

  onScore(event) {
    const score = event.score ?? 0;
    this.label.textContent = event.label ?? "score";
    this.percent.textContent = `${(score * 100).toFixed(1)} %`;
    this.fill.style.width = `${score * 100}%`;
    this.meter.setAttribute("aria-valuenow", String(score));
    this.meter.setAttribute("aria-valuetext", `${this.label.textContent}, ${this.percent.textContent}`);
    this.element.dataset.tone = /^pos/i.test(event.label) ? "good" : /^neg/i.test(event.label) ? "bad" : "";
    this.setState("done");
    this.showTiming(event.timing ?? {});
  }

  showTiming(timing) {
    const stages = STAGES.filter((stage) => timing[stage] > 0);
    const total = stages.reduce((sum, stage) => sum + timing[stage], 0);
    const list = make("dl", "stages");
    if (this.firstTokenMs !== undefined) {
      list.append(make("div", "", make("dt", "", "first token"), make("dd", "", milliseconds(this.firstTokenMs / 1000))));
    }
    const bar = make("div", "stage-bar");
    bar.setAttribute("aria-hidden", "true");
    for (const stage of stages) {
      const part = make("span", `stage-${stage}`);
      part.style.flexGrow = String(timing[stage] / total);
      bar.append(part);
      list.append(make("div", `key-${stage}`, make("dt", "", stage), make("dd", "", milliseconds(timing[stage]))));
    }
    if (timing.generated_tokens) {
      list.append(make("div", "", make("dt", "", "tokens"), make("dd", "", String(timing.generated_tokens))));
    }
    if (timing.mean_batch_size) {
      list.append(make("div", "", make("dt", "", "batch"), make("dd", "", timing.mean_batch_size.toFixed(1))));
    }
    this.timing.replaceChildren(...(total > 0 ? [bar] : []), list);
  }
}

function milliseconds(seconds) {
  const value = seconds * 1000;
  if (value >= 10_000) return `${seconds.toFixed(1)} s`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

// The columns of one run, by the events' index.
class Columns {
  constructor(branches) {
    this.list = branches.map((branch) => new Column(branch));
    byId("columns").replaceChildren(...this.list.map((column) => column.element));
  }

  at(event) {
    const index = event.index ?? 0;
    while (this.list.length <= index) {
      const column = new Column(this.list.length === index ? event.branch ?? "text" : "…");
      if (this.prompt !== undefined) column.prompt.textContent = this.prompt;
      this.list.push(column);
      byId("columns").append(column.element);
    }
    return this.list[index];
  }

  start(prompt) {
    this.prompt = prompt;
    for (const column of this.list) {
      column.prompt.textContent = prompt;
      column.setState("waiting");
    }
  }

  // What has no score will not get one; what has not begun is as it was.
  stop() {
    for (const column of this.list) {
      if (column.element.dataset.state === "done") continue;
      if (column.text.data === "") column.prompt.textContent = "";
      column.setState(column.text.data === "" ? "idle" : "failed");
    }
  }
}

// --- the stream ---

// Yields {event, data} of a text/event-stream body (the HTML standard, section 9.2.6).
async function* serverSentEvents(body) {
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

// What the user is told; `fields` are those that are wrong.
class Failure extends Error {
  constructor(title, message, hint = "", fields = []) {
    super(message);
    Object.assign(this, { title, hint, fields });
  }
}

const TITLES = {
  INVALID_ARGUMENT: "The request needs a change",
  NOT_FOUND: "There is no such thing on this server",
  RESOURCE_EXHAUSTED: "The server is full",
  UNAVAILABLE: "A model is not available",
  DEADLINE_EXCEEDED: "It took too long",
  INTERNAL: "The server made a mistake",
};

function failureOf({ status, message, code, details = [], retryable }, retryAfter) {
  const fields = details.flatMap((detail) => detail.field_violations ?? []).map((violation) => violation.field);
  let hint = "";
  if (retryAfter) hint = `Try again in ${retryAfter} s.`;
  else if (retryable) hint = "The same request may work in a moment.";
  return new Failure(TITLES[status] ?? `The request failed (${status ?? code})`, message ?? "", hint, fields);
}

async function failureOfReply(reply) {
  const body = await reply.json().catch(() => null);
  if (body?.error) return failureOf(body.error, reply.headers.get("Retry-After"));
  return new Failure(`The server answered ${reply.status}`, reply.statusText || "It gave no reason.");
}

// Runs one call; throws a Failure, or the AbortError of `signal`.
async function stream(columns, prompt, signal) {
  const start = performance.now();
  let reply;
  try {
    reply = await fetch(target(), {
      method: "POST",
      headers: { "Content-Type": "text/plain", Accept: "text/event-stream" },
      body: prompt,
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Failure("The server does not answer", "No connection could be made.", "Is it running?");
  }
  if (!reply.ok) throw await failureOfReply(reply);
  try {
    for await (const { event, data } of serverSentEvents(reply.body)) {
      signal.throwIfAborted();  // Events that have come together.
      const message = JSON.parse(data);
      if (event === "token") columns.at(message).onToken(message, performance.now() - start);
      if (event === "error") throw failureOf(message);
      if (event === "done") return { ...message, seconds: (performance.now() - start) / 1000 };
      if (event !== "score") continue;
      const column = columns.at(message);
      column.onScore(message);
      statusLine.textContent = `${column.branch}: ${column.label.textContent} ${column.percent.textContent}`;
    }
  } catch (error) {
    if (signal.aborted || error instanceof Failure) throw error;
    throw new Failure("The connection broke", "The answer is not complete.", "What has come so far stays below.");
  }
  throw new Failure("The answer broke off", "The stream ended before all was said.", "What has come so far stays below.");
}

// --- running and cancelling ---

let branches = [];  // Of the graph, when it was last asked for.
let running = null;  // The AbortController of the call in progress.

// The graph may change while the page is open. Where it cannot be had, columns come with their first
// events.
async function loadBranches(signal) {
  try {
    const graph = await (await fetch(GRAPH_PATH, { cache: "no-store", signal })).json();
    branches = graph.nodes.find((node) => node.kind === "NODE_KIND_CLASSIFY").inputs;
  } catch {
    // As they were.
  }
}

function setRunning(controller) {
  running = controller;
  byId("run").disabled = controller !== null;
  byId("cancel").disabled = controller === null;
  form.setAttribute("aria-busy", String(controller !== null));
}

function showFailure(failure) {
  byId("error-title").textContent = failure.title;
  byId("error-message").textContent = failure.message;
  byId("error-hint").textContent = failure.hint;
  byId("error").hidden = false;
  for (const field of failure.fields) {
    const input = byId(field.replace(/\[\d+\]$/, "").replace(/^text$/, "prompt"));
    if (!input) continue;
    input.setAttribute("aria-invalid", "true");
    const details = input.closest("details");
    if (details) details.open = true;
    input.focus();
  }
}

function clearFailure() {
  byId("error").hidden = true;
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

function showTotals(done) {
  const seed = make("button", "link", done.seed ?? "");
  seed.type = "button";
  seed.title = "Use this seed in the next run";
  seed.addEventListener("click", () => {
    byId("seed").value = done.seed;
    form.querySelector("details").open = true;
    byId("seed").focus();
    showRequest();
  });
  const entries = [["time", `${done.seconds.toFixed(2)} s`], ["prompt tokens", done.prompt_tokens],
                   ["new tokens", done.generated_tokens], ["seed", done.seed && seed]];
  byId("totals").replaceChildren(...entries.filter(([, value]) => value !== undefined).map(
    ([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value instanceof Node ? value : String(value)))));
  byId("totals").hidden = false;
}

async function run() {
  if (running) return;
  const controller = new AbortController();
  setRunning(controller);
  clearFailure();
  byId("totals").hidden = true;
  statusLine.textContent = "Running…";
  await loadBranches(controller.signal);
  const columns = new Columns(branches);
  columns.start(promptBox.value);
  try {
    const done = await stream(columns, promptBox.value, controller.signal);
    showTotals(done);
    statusLine.textContent = `Done in ${done.seconds.toFixed(2)} s`;
  } catch (error) {
    columns.stop();
    statusLine.textContent = controller.signal.aborted ? "Cancelled" : "Failed";
    if (!controller.signal.aborted) {
      showFailure(error instanceof Failure ? error : new Failure("The page made a mistake", String(error)));
    }
  } finally {
    setRunning(null);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
form.addEventListener("input", (event) => {
  event.target.removeAttribute("aria-invalid");
  showRequest();
});
byId("cancel").addEventListener("click", () => {
  running?.abort();
  promptBox.focus();
});
document.addEventListener("keydown", (event) => {
  if (byId("generate").hidden) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
  if (event.key === "Escape") running?.abort();
});
byId("copy").addEventListener("click", async () => {
  const button = byId("copy");
  try {
    await navigator.clipboard.writeText(byId("curl").textContent);
    button.textContent = "Copied";
  } catch {  // No permission, or plain HTTP: it can be copied by hand.
    getSelection().selectAllChildren(byId("curl"));
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

// --- tabs (the ARIA practices' pattern) ---

const tabs = [...document.querySelectorAll('[role="tab"]')];
let stopGraph = null;

function select(tab, { focus = false } = {}) {
  for (const other of tabs) {
    const selected = other === tab;
    other.setAttribute("aria-selected", String(selected));
    other.tabIndex = selected ? 0 : -1;
    byId(other.getAttribute("aria-controls")).hidden = !selected;
  }
  if (focus) tab.focus();
  const name = tab.getAttribute("aria-controls");
  history.replaceState(null, "", name === "generate" ? location.pathname : `#${name}`);
  stopGraph?.();
  stopGraph = name === "graph" ? watchGraph(GRAPH_PATH) : null;
}

tabs.forEach((tab, i) => {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) select(tabs[(i + step + tabs.length) % tabs.length], { focus: true });
  });
});

// --- start ---

showRequest();
select(tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) ?? tabs[0]);
await loadBranches();
if (!running) new Columns(branches);
