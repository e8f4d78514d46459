// The page at /: sends a prompt to a graph of the server and shows each branch as it comes.

import { Failure, call, copyOnClick, failureOf, failureOfReply, keyArgument, serverSentEvents, shellQuote, urlOf } from "./calls.js";
import { Columns } from "./columns.js";
import { byId, make } from "./dom.js";
import { watchGraph } from "./graph.js";

const DEFAULT_GRAPH = "inference_graph";  // Has routes of its own, which take plain text.
const PARAMETERS = ["max_length", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed"];

const form = byId("form");
const promptBox = byId("prompt");
const statusLine = byId("status");

// --- the request ---

// "a\nb" as it is typed into one line: \n, \t and \\ stand for what they do in C.
const unescape = (text) => text.replace(/\\([nt\\])/g, (_, c) => ({ n: "\n", t: "\t", "\\": "\\" })[c]);

// What differs from the server's defaults, in order: [name, value].
function parameterPairs() {
  const pairs = [];
  for (const name of PARAMETERS) {
    const value = byId(name).value.trim();
    if (value !== "") pairs.push([name, value]);
  }
  if (!byId("do_sample").checked) pairs.push(["do_sample", "false"]);
  for (const line of byId("stop").value.split("\n")) if (line !== "") pairs.push(["stop", unescape(line)]);
  return pairs;
}

// The JSON object of the same. What is no number stays a text, for the server to say so.
function parameterObject(pairs) {
  const object = {};
  for (const [name, value] of pairs) {
    if (name === "stop") (object.stop ??= []).push(value);
    else if (name === "do_sample") object[name] = value === "true";
    else object[name] = String(Number(value)) === value ? Number(value) : value;
  }
  return object;
}

// A call of the graph's method `verb`: {url, type, body}.
function graphCall(verb, prompt, extra) {
  const body = { text: prompt, ...parameterObject(parameterPairs()), ...extra };
  return { url: urlOf(`v1/graphs/${encodeURIComponent(graphName)}:${verb}`), type: "application/json", body: JSON.stringify(body) };
}

function streamCall(prompt) {
  if (graphName !== DEFAULT_GRAPH) return graphCall("streamRun", prompt, { explain: true });
  const query = new URLSearchParams([...parameterPairs(), ["explain", "true"]]);
  return { url: urlOf(`classify_generated_texts:stream?${query}`), type: "text/plain", body: prompt };
}

function send({ url, type, body }, accept, signal) {
  return call(url, { method: "POST", headers: { "Content-Type": type, Accept: accept }, body, signal });
}

function showRequest() {
  const { url, type, body } = streamCall(promptBox.value);
  byId("curl").textContent =
    `curl -N -X POST ${shellQuote(url)}${keyArgument()} \\\n  -H 'Content-Type: ${type}' --data-raw ${shellQuote(body)}`;
  const changed = parameterPairs().length;
  byId("changed").textContent = changed === 0 ? "" : `${changed} changed`;
}

// --- the call ---

const KEPT = "What has come so far stays below.";

// Runs one call; throws a Failure, or the AbortError of `signal`.
async function stream(columns, prompt, signal) {
  const start = performance.now();
  let reply;
  try {
    reply = await send(streamCall(prompt), "text/event-stream", signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Failure("The server does not answer", "No connection could be made.", { hint: "Is it running?" });
  }
  if (!reply.ok) throw await failureOfReply(reply);
  try {
    for await (const { event, data } of serverSentEvents(reply.body)) {
      signal.throwIfAborted();  // Events that have come together.
      const message = JSON.parse(data);
      // Without an index it is a text that only others continue, which bring it as their beginning.
      if (event === "token" && message.index !== undefined) columns.at(message).onToken(message, performance.now() - start);
      if (event === "error") throw failureOf(message);
      if (event === "done") return { ...message, seconds: (performance.now() - start) / 1000 };
      if (event !== "score") continue;
      const column = columns.at(message);
      column.onScore(message);
      statusLine.textContent = `${column.branch}: ${column.label.textContent} ${column.percent.textContent}`;
    }
  } catch (error) {
    if (signal.aborted || error instanceof Failure) throw error;
    throw new Failure("The connection broke", "The answer is not complete.", { hint: KEPT });
  }
  throw new Failure("The answer broke off", "The stream ended before all was said.", { hint: KEPT });
}

// A stream ends with the first branch that fails: of the others, brings what can be had by a call of
// the same that does not stream. Says whether that brought anything.
async function finishOthers(columns, prompt, failure, signal) {
  if (!["UNAVAILABLE", "INTERNAL"].includes(failure.status) || columns.unfinished.length === 0) return false;
  statusLine.textContent = "Finishing the other texts…";
  try {
    const call = graphCall("run", prompt, { explain: true, details: true, partial: true });
    const reply = await send(call, "application/json", signal);
    if (!reply.ok) return false;
    columns.finish((await reply.json()).results);
    return true;
  } catch {
    return false;
  }
}

// --- running and cancelling ---

let graphs = [];  // When they were last asked for.
let graphName = new URLSearchParams(location.search).get("graph") ?? DEFAULT_GRAPH;
let running = null;  // The AbortController of the call in progress.

// The texts of the graph's reply, by the nodes that write them. Its last node is its output.
const branches = () => graphs.find(({ name }) => name === graphName)?.nodes?.at(-1)?.inputs ?? [];

// They may change while the page is open. Where they cannot be had, columns come with their first
// events.
async function loadGraphs(signal) {
  try {
    graphs = (await (await call(urlOf("v1/graphs"), { cache: "no-store", signal })).json()).graphs ?? [];
  } catch {
    return;  // As they were.
  }
  const names = graphs.map(({ name }) => name);
  if (names.length > 0 && !names.includes(graphName)) {
    chooseGraph(names.includes(DEFAULT_GRAPH) ? DEFAULT_GRAPH : names[0]);
  }
  byId("graph-select").replaceChildren(...names.map((name) => new Option(name, name, false, name === graphName)));
  byId("graph-choice").hidden = names.length < 2;
}

function chooseGraph(name) {
  graphName = name;
  showRequest();
  select(selectedTab());
}

function setRunning(controller) {
  running = controller;
  byId("run").disabled = controller !== null;
  byId("cancel").disabled = controller === null;
  byId("graph-select").disabled = controller !== null;
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
  const { signal } = controller;
  const prompt = promptBox.value;
  setRunning(controller);
  clearFailure();
  byId("totals").hidden = true;
  statusLine.textContent = "Running…";
  await loadGraphs(signal);
  const columns = new Columns(branches());
  columns.start(prompt);
  try {
    const done = await stream(columns, prompt, signal);
    showTotals(done);
    statusLine.textContent = `Done in ${done.seconds.toFixed(2)} s`;
  } catch (error) {
    const failure = error instanceof Failure ? error : new Failure("The page made a mistake", String(error));
    columns.stop(failure);
    const more = !signal.aborted && await finishOthers(columns, prompt, failure, signal);
    if (signal.aborted) statusLine.textContent = "Cancelled";
    else showOutcome(columns, failure, more);
  } finally {
    setRunning(null);
  }
}

// `more`: a second call has brought texts.
function showOutcome(columns, failure, more) {
  const missing = columns.unfinished.map((column) => column.branch);
  if (more && missing.length === 0) {
    statusLine.textContent = "Done at the second try";
    return;
  }
  statusLine.textContent = more ? `Done without ${missing.join(", ")}` : "Failed";
  showFailure(failure);
  if (more) byId("error-hint").textContent += " Texts that were not finished by then come from a second call.";
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
copyOnClick(byId("copy"), byId("curl"));
byId("graph-select").addEventListener("change", (event) => {
  chooseGraph(event.target.value);
  clearFailure();
  byId("totals").hidden = true;
  new Columns(branches());
});

// --- the address: ?graph=NAME#graph ---

function showAddress() {
  const query = graphName === DEFAULT_GRAPH ? "" : `?${new URLSearchParams({ graph: graphName })}`;
  const view = viewOf(selectedTab());
  history.replaceState(null, "", location.pathname + query + (view === "generate" ? "" : `#${view}`));
}

// --- tabs (the ARIA practices' pattern) ---

const tabs = [...document.querySelectorAll('[role="tab"]')];
const viewOf = (tab) => tab.getAttribute("aria-controls");
const selectedTab = () => tabs.find((tab) => tab.getAttribute("aria-selected") === "true");
let stopGraph = null;

function select(tab, { focus = false } = {}) {
  for (const other of tabs) {
    const selected = other === tab;
    other.setAttribute("aria-selected", String(selected));
    other.tabIndex = selected ? 0 : -1;
    byId(viewOf(other)).hidden = !selected;
  }
  if (focus) tab.focus();
  showAddress();
  stopGraph?.();
  stopGraph = viewOf(tab) === "graph" ? watchGraph(urlOf(`v1/graphs/${encodeURIComponent(graphName)}`)) : null;
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
select(tabs.find((tab) => `#${viewOf(tab)}` === location.hash) ?? tabs[0]);
await loadGraphs();
if (!running) new Columns(branches());
