// The web page and the API reference in a headless Chromium, against `chorus serve` or the stand-in.
//
// usage: page_test.mjs --gateway serve|stand_in --packages FOLDER --bin FOLDER
// CHROMIUM names the browser (/usr/bin/chromium); SCREENSHOTS, a folder to leave pictures in.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

import { BRANCHES, CLASSIFY, GENERATE, StandIn } from "./stand_in.mjs";

const { values: flags } = parseArgs({
  options: { gateway: { type: "string" }, packages: { type: "string" }, bin: { type: "string" },
    openapi: { type: "string" } },
});
const here = path.dirname(fileURLToPath(import.meta.url));
const { chromium } = createRequire(path.join(flags.packages, "package.json"))("playwright-core");
const real = flags.gateway === "serve";
const onlyReal = { skip: !real && "the stand-in writes no texts of its own" };
const onlyStandIn = { skip: real && "only the stand-in can be made to do this" };
const patience = Number(process.env.PATIENCE_MS ?? 30_000);  // Of a busy machine.

const standIn = real ? null : await StandIn.start(
  path.join(here, "../../api_server/web"), readFileSync(flags.openapi));
const serve = real ? await startServe() : null;
const url = real ? serve.url : standIn.url;

// `chorus serve` on free ports with a model store of its own.
async function startServe(...args) {
  const home = mkdtempSync(path.join(os.tmpdir(), "chorus-web-"));
  const child = spawn(path.join(flags.bin, "chorus"), ["serve", "--port", "0", "--grpc_port", "0", ...args],
    { env: { ...process.env, CHORUS_HOME: home }, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  const address = await new Promise((resolve, reject) => {
    const read = (piece) => {
      log += piece;
      const ready = /Chorus is ready: HTTP (http:[^,\s]+)/.exec(log);
      if (ready) resolve(ready[1]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", () => reject(new Error(`chorus serve ended:\n${log}`)));
  });
  return {
    url: address,
    stop: () => new Promise((resolve) => {
      child.removeAllListeners("exit");
      child.on("exit", () => { rmSync(home, { recursive: true }); resolve(); });
      child.kill("SIGINT");
    }),
  };
}

// A reverse proxy that serves `url` below a path of its own, and nothing beside it.
const PREFIX = "/team/chorus";
const proxy = http.createServer((request, reply) => {
  if (!request.url.startsWith(`${PREFIX}/`)) return reply.writeHead(404).end();
  const { method, headers } = request;
  const inner = http.request(url + request.url.slice(PREFIX.length), { method, headers }, (answer) => {
    reply.writeHead(answer.statusCode, answer.headers);
    answer.pipe(reply);
  });
  inner.on("error", () => reply.destroy());
  reply.on("close", () => inner.destroy());
  request.pipe(inner);
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
const proxied = `http://127.0.0.1:${proxy.address().port}${PREFIX}`;

let browser, context, page, problems;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});
after(async () => {
  await browser?.close();
  proxy.closeAllConnections();
  proxy.close();
  await standIn?.stop();
  await serve?.stop();
});

async function open(where = "/", { root = url, ...options } = {}) {
  await context?.close();
  context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // Replies of 4xx and broken connections are logged by the browser itself.
    if (message.type() === "error" && !/Failed to load resource|net::ERR/.test(message.text())) problems.push(message.text());
  });
  await page.goto(root + where);
}

beforeEach(async () => {
  problems = [];
  if (standIn) {
    standIn.script = (reply) => standIn.answer(reply);
    standIn.runScript = (reply) => standIn.refuse(reply, 503, { status: "UNAVAILABLE", message: "no runner is healthy" });
    standIn.branches = BRANCHES;
    standIn.others = [];
  }
  await open();
});
// Neither scripts nor the content security policy may have complained.
afterEach(() => assert.deepEqual(problems, []));

const columns = () => page.getByRole("article");
const statusLine = () => page.locator("#status");

async function setParameter(name, value) {
  if (!(await page.locator("#form details").evaluate((details) => details.open))) {
    await page.getByText("Parameters").click();
  }
  await page.getByLabel(name, { exact: true }).fill(value);
}

async function runToEnd() {
  await page.getByRole("button", { name: "Run" }).click();
  await statusLine().filter({ hasText: /^Done in / }).waitFor();
}

// Runs `action` in the page the moment the first column begins to fill: the real models are fast.
async function onFirstToken(action) {
  await page.evaluate(`(action => {
    const observer = new MutationObserver(() => {
      if (!document.querySelector('.column[data-state="writing"]')) return;
      observer.disconnect();
      action();
    });
    observer.observe(document.querySelector("#columns"), { subtree: true, childList: true, attributes: true });
  })(${action})`);
}

async function shoot(name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
}

test("shows a column a branch before anything runs", async () => {
  await columns().nth(2).waitFor();
  assert.deepEqual(await columns().getByRole("heading").allTextContents(), ["gpt2", "distilgpt2", "gpt2-medium"]);
});

test("streams texts, scores and timings", async () => {
  await page.getByLabel("Prompt").fill("The prince was");
  await setParameter("max_length", "40");
  await setParameter("seed", "7");
  await runToEnd();
  assert.equal(await columns().count(), 3);
  for (const column of await columns().all()) {
    assert.match(await column.locator(".text").textContent(), /^The prince was.+/s);
    assert.match(await column.locator(".label").textContent(), /^(POSITIVE|NEGATIVE)$/);
    assert.match(await column.locator(".percent").textContent(), /^\d+\.\d %$/);
    const meter = column.getByRole("meter");
    assert.ok(Number(await meter.getAttribute("aria-valuenow")) >= 0.5);
    assert.ok((await meter.locator(".fill").boundingBox()).width > 20);
    const timing = await column.locator(".timing").textContent();
    for (const part of ["first token", "prefill", "decode", "classify"]) assert.match(timing, new RegExp(`${part}\\d`));
  }
  assert.match(await page.locator("#totals").textContent(), /time.*new tokens\d+seed\d+/);
  if (standIn) {
    const { url: called, body } = standIn.calls.at(-1);
    assert.equal(called.search, "?max_length=40&seed=7&explain=true");
    assert.equal(body, "The prince was");
  }
});

test("fills the columns while the texts are being written", async () => {
  // Texts that last for some frames, on fast machines too.
  await setParameter("max_length", "250");
  await setParameter("seed", "11");
  await page.evaluate(() => {
    window.lengths = new Set();
    const written = () => [...document.querySelectorAll(".column .text")].map((text) => text.textContent.length).join();
    new MutationObserver(() => window.lengths.add(written()))
      .observe(document.querySelector("#columns"), { subtree: true, childList: true, characterData: true });
  });
  await runToEnd();
  assert.ok(await page.evaluate(() => window.lengths.size) >= 4);
});

test("sends every parameter it shows", onlyStandIn, async () => {
  for (const [name, value] of [["max_length", "64"], ["temperature", "0.7"], ["top_k", "20"], ["top_p", "0.9"],
                               ["min_p", "0.05"], ["repetition_penalty", "1.2"], ["seed", "18446744073709551615"]]) {
    await setParameter(name, value);
  }
  await page.getByLabel("stop", { exact: true }).fill("The end\n\\n\\n");
  await page.getByLabel("do_sample").uncheck();
  await runToEnd();
  assert.deepEqual([...standIn.calls.at(-1).url.searchParams], [
    ["max_length", "64"], ["temperature", "0.7"], ["top_k", "20"], ["top_p", "0.9"], ["min_p", "0.05"],
    ["repetition_penalty", "1.2"], ["seed", "18446744073709551615"], ["do_sample", "false"],
    ["stop", "The end"], ["stop", "\n\n"], ["explain", "true"]]);
});

test("the same seed gives the same texts", async () => {
  await setParameter("seed", "11");
  await setParameter("max_length", "24");
  await runToEnd();
  const first = await columns().locator(".text").allTextContents();
  await runToEnd();
  assert.deepEqual(await columns().locator(".text").allTextContents(), first);
});

test("runs on Ctrl+Enter and cancels on Escape", async () => {
  if (standIn) standIn.script = (reply) => standIn.answer(reply, { delay: 2000 });
  else await setParameter("max_length", "256");
  await onFirstToken(() => {
    window.busy = document.querySelector("#run").disabled;
    document.querySelector("#prompt").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  });
  await page.getByLabel("Prompt").press("Control+Enter");
  await statusLine().filter({ hasText: "Cancelled" }).waitFor();
  assert.equal(await page.evaluate(() => window.busy), true);
  assert.equal(await page.getByRole("alert").isVisible(), false);
  assert.equal(await page.locator('.column[data-state="writing"]').count(), 0);
  assert.equal(await page.getByRole("button", { name: "Run" }).isDisabled(), false);
  if (standIn) assert.equal(standIn.calls.at(-1).left, true);
});

test("cancels with the button and gives the focus back to the prompt", async () => {
  if (standIn) standIn.script = (reply) => standIn.answer(reply, { delay: 2000 });
  else await setParameter("max_length", "256");
  await onFirstToken(() => document.querySelector("#cancel").click());
  await page.getByRole("button", { name: "Run" }).click();
  await statusLine().filter({ hasText: "Cancelled" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "prompt");
});

test("shows what the server refuses, and where", async () => {
  if (standIn) {
    standIn.script = (reply) => standIn.refuse(reply, 400, {
      status: "INVALID_ARGUMENT", message: "top_p must be greater than 0 and at most 1: 2",
      details: [{ "@type": "type.googleapis.com/google.rpc.BadRequest",
                  field_violations: [{ field: "top_p", description: "must be greater than 0 and at most 1: 2" }] }],
    });
  }
  await setParameter("top_p", "2");
  await page.getByRole("button", { name: "Run" }).click();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.textContent(), /top_p must be greater than 0 and at most 1: 2/);
  assert.equal(await page.getByLabel("top_p").getAttribute("aria-invalid"), "true");
  assert.equal(await page.evaluate(() => document.activeElement.id), "top_p");
  await shoot("page-error");
  await page.getByLabel("top_p").fill("0.9");
  if (standIn) standIn.script = (reply) => standIn.answer(reply);
  await runToEnd();
  assert.equal(await alert.isVisible(), false);
});

test("says when to try again", onlyStandIn, async () => {
  standIn.script = (reply) => standIn.refuse(reply, 429,
    { status: "RESOURCE_EXHAUSTED", message: "8 requests are in progress, which is the limit" }, { "Retry-After": "3" });
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("alert").filter({ hasText: "Try again in 3 s." }).waitFor();
});

test("shows an error event and keeps what has come", onlyStandIn, async () => {
  standIn.script = async (reply) => {
    standIn.send(reply, "token", { index: 0, branch: "gpt2", text: " Once", num_tokens: 1 });
    standIn.send(reply, "error", { code: 503, status: "UNAVAILABLE", message: "gpt2: no healthy replica", retryable: true });
    // Ends without the last chunk, as the gateway does; browsers lose events that come together with
    // the headers and the connection's end.
    setTimeout(() => reply.socket.destroySoon(), 1000);
  };
  await page.getByRole("button", { name: "Run" }).click();
  const alert = page.getByRole("alert");
  await alert.filter({ hasText: "gpt2: no healthy replica" }).waitFor();
  assert.match(await alert.textContent(), /A model is not available.*may work in a moment/s);
  assert.match(await columns().first().textContent(), / Once/);
  assert.match(await columns().first().textContent(), /not finished/);
});

test("keeps what is finished when a branch dies, and says which and why", onlyStandIn, async () => {
  const died = { code: 503, status: "UNAVAILABLE", message: "distilgpt2-generation: the connection broke", retryable: true };
  const dies = async (reply) => {
    standIn.send(reply, "token", { index: 0, branch: "gpt2", text: " Once.", num_tokens: 2, finish_reason: "FINISH_REASON_STOP" });
    standIn.send(reply, "score", { index: 0, branch: "gpt2", score: 0.9, label: "POSITIVE" });
    standIn.send(reply, "token", { index: 1, branch: "distilgpt2", text: " Half", num_tokens: 1 });
    standIn.send(reply, "token", { index: 2, branch: "gpt2-medium", text: " Half", num_tokens: 1 });
    standIn.send(reply, "error", { ...died, branch: "distilgpt2", stage: "generate" });
    setTimeout(() => reply.socket.destroySoon(), 500);
  };
  const texts = () => columns().locator(".text").allTextContents();
  const states = () => columns().evaluateAll((list) => list.map((column) => column.dataset.state));

  // The others cannot be had either.
  standIn.script = dies;
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("alert").filter({ hasText: "distilgpt2-generation: the connection broke" }).waitFor();
  assert.deepEqual(await states(), ["done", "failed", "stopped"]);
  assert.deepEqual(await texts(), ["I have an idea! Once.", "I have an idea! Half", "I have an idea! Half"]);
  assert.match(await columns().nth(0).textContent(), /POSITIVE90\.0 %/);
  assert.match(await columns().nth(1).textContent(), /failed.*distilgpt2-generation: the connection broke/s);
  assert.match(await columns().nth(2).textContent(), /not finished/);
  assert.deepEqual(await columns().locator(".label").allTextContents(), ["POSITIVE", "not scored", "not scored"]);

  // They can: by a call that does not stream, of the same parameters.
  standIn.runScript = (reply) => standIn.json(reply, { results: [
    { generated: "I have an idea! Another.", score: 0.6, label: "NEGATIVE", finish_reason: "FINISH_REASON_STOP" },
    { error: { ...died, branch: "distilgpt2", stage: "generate" } },
    { generated: "I have an idea! Whole.", score: 0.7, label: "POSITIVE", finish_reason: "FINISH_REASON_LENGTH" }] });
  await setParameter("top_k", "20");
  await page.getByRole("button", { name: "Run" }).click();
  await statusLine().filter({ hasText: "Done without distilgpt2" }).waitFor();
  assert.deepEqual(await states(), ["done", "failed", "done"]);
  assert.deepEqual(await texts(), ["I have an idea! Once.", "I have an idea! Half", "I have an idea! Whole."]);
  assert.match(await page.getByRole("alert").textContent(), /distilgpt2-generation: the connection broke.*second call/s);
  const { url: called, body } = standIn.calls.at(-1);
  assert.equal(called.pathname, "/v1/graphs/inference_graph:run");
  assert.deepEqual(JSON.parse(body), { text: "I have an idea!", top_k: 20, explain: true, details: true, partial: true });
  await shoot("page-partial");
});

test("brings the other texts when a branch is dead from the beginning", onlyStandIn, async () => {
  standIn.script = (reply) => standIn.refuse(reply, 503, { status: "UNAVAILABLE", message: "gpt2-generation: no healthy replica" });
  standIn.runScript = (reply) => standIn.json(reply, { results: [
    { error: { code: 503, status: "UNAVAILABLE", message: "gpt2-generation: no healthy replica", branch: "gpt2" } },
    { generated: "I have an idea! Whole.", score: 0.7, label: "POSITIVE" },
    { generated: "I have an idea! Whole.", score: 0.7, label: "POSITIVE" }] });
  await page.getByRole("button", { name: "Run" }).click();
  await statusLine().filter({ hasText: "Done without gpt2" }).waitFor();
  assert.match(await columns().nth(0).textContent(), /gpt2-generation: no healthy replica/);
  assert.match(await columns().nth(2).textContent(), /Whole\..*70\.0 %/);
});

test("says why each text ended and how fast it came", async () => {
  if (standIn) {
    standIn.branches = ["a", "b", "c", "d", "e"];
    standIn.script = async (reply) => {
      const reasons = ["STOP", "LENGTH", "STOP_STRING", "DEADLINE", "LENGTH"];
      for (const [index, reason] of reasons.entries()) {
        const branch = standIn.branches[index];
        standIn.send(reply, "token", { index, branch, text: " x", num_tokens: 1 });
        standIn.send(reply, "token", { index, branch, text: " y", num_tokens: 10, finish_reason: `FINISH_REASON_${reason}` });
        const raw = index === 1 ? { score: -3.25, score_kind: "SCORE_KIND_RAW", untrained_head: true } : { score: 0.5 };
        standIn.send(reply, "score", { index, branch, label: "POSITIVE", truncated: index === 4, timing: { decode: 0.25 }, ...raw });
      }
      standIn.send(reply, "done", { seed: "7" });
      reply.end();
    };
    await runToEnd();
    assert.deepEqual(await columns().locator(".end").allTextContents(), [
      "The model ended it.", "It reached the length limit. The classifier was never trained: its score means nothing.",
      "A stop string came next.", "The call's time was nearly up.",
      "It reached the length limit. The classifier read its beginning only."]);
    assert.deepEqual(await columns().locator(".percent").allTextContents(), ["50.0 %", "-3.25", "50.0 %", "50.0 %", "50.0 %"]);
    assert.equal(await columns().locator(".meter").nth(1).isVisible(), false);
    assert.deepEqual(await columns().locator(".speed").allTextContents(), Array(5).fill("tokens/s40.0"));
    return;
  }
  await setParameter("max_length", "20");
  await setParameter("seed", "7");
  await runToEnd();
  for (const column of await columns().all()) {
    assert.match(await column.locator(".end").textContent(), /^(The model ended it|It reached the length limit)\.$/);
    assert.match(await column.locator(".speed").textContent(), /^tokens\/s\d/);
  }
});

// A chain whose middle is only continued, and many branches.
const OTHERS = [
  { name: "chain", nodes: [
    { name: "first", kind: GENERATE, inputs: [] }, { name: "unscored", kind: GENERATE, inputs: ["first"] },
    { name: "last", kind: GENERATE, inputs: ["unscored"] }, { name: "judge", kind: CLASSIFY, inputs: ["first", "last"] }] },
  { name: "many", nodes: [
    ...Array.from({ length: 8 }, (_, i) => ({ name: `writer-${i + 1}`, kind: GENERATE, inputs: [] })),
    { name: "judge", kind: CLASSIFY, inputs: Array.from({ length: 8 }, (_, i) => `writer-${i + 1}`) }] },
];

test("runs and draws any graph of the server", onlyStandIn, async () => {
  assert.equal(await page.locator("#graph-choice").isVisible(), false);
  standIn.others = OTHERS;
  await open("/?graph=many");
  await columns().nth(7).waitFor();
  const graph = page.locator("#graph-select");
  assert.deepEqual(await graph.locator("option").allTextContents(), ["chain", "many", "inference_graph"]);
  assert.equal(await graph.inputValue(), "many");
  await shoot("page-many");
  await graph.selectOption("chain");
  assert.equal(new URL(page.url()).search, "?graph=chain");
  assert.deepEqual(await columns().getByRole("heading").allTextContents(), ["first", "last"]);

  standIn.script = async (reply) => {
    standIn.send(reply, "token", { index: 0, branch: "first", text: " One", num_tokens: 1, finish_reason: "FINISH_REASON_STOP" });
    standIn.send(reply, "token", { branch: "unscored", text: " two", num_tokens: 1, finish_reason: "FINISH_REASON_STOP" });
    standIn.send(reply, "token", { index: 1, branch: "last", text: " One two", num_tokens: 0 });
    standIn.send(reply, "token", { index: 1, branch: "last", text: " three", num_tokens: 1 });
    standIn.send(reply, "token", { index: 1, branch: "last", text: ".", num_tokens: 1, finish_reason: "FINISH_REASON_LENGTH" });
    for (const [index, branch] of ["first", "last"].entries()) {
      standIn.send(reply, "score", { index, branch, score: 0.8, label: "POSITIVE", timing: { decode: 0.5, prefill: 0.1 } });
    }
    standIn.send(reply, "done", { prompt_tokens: 18, generated_tokens: 4, seed: "7" });
    reply.end();
  };
  await setParameter("seed", "18446744073709551615");
  await setParameter("temperature", "0.7");
  await page.getByLabel("do_sample").uncheck();
  await page.getByLabel("stop", { exact: true }).fill("The end");
  await runToEnd();
  assert.deepEqual(await columns().locator(".text").allTextContents(), ["I have an idea! One", "I have an idea! One two three."]);
  assert.equal(await columns().nth(1).locator(".speed").textContent(), "tokens/s2.0");
  const { url: called, body } = standIn.calls.at(-1);
  assert.equal(called.pathname, "/v1/graphs/chain:streamRun");
  assert.deepEqual(JSON.parse(body), { text: "I have an idea!", temperature: 0.7, seed: "18446744073709551615",
                                       do_sample: false, stop: ["The end"], explain: true });
  await page.getByText("The same with curl").click();
  const command = await page.locator("#curl").textContent();
  const { stdout } = await promisify(execFile)("bash", ["-c", command.replace("curl ", "curl -s --noproxy '*' ")]);
  assert.match(stdout, /^event: done$/m);
  assert.equal(standIn.calls.at(-1).body, body);

  await page.getByRole("tab", { name: "Graph" }).click();
  await page.getByRole("heading", { name: "chain" }).waitFor();
  assert.equal(await page.locator("#graph").getByRole("article").count(), 4);
  assert.equal(await page.locator(".edges path").count(), 6);
  await shoot("graph-chain");
  await graph.selectOption("many");
  await page.getByRole("heading", { name: "many" }).waitFor();
  await page.locator("#graph").getByRole("article").nth(8).waitFor();
  const [width, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(width <= inner, `${width} px wide on ${inner}`);
  await shoot("graph-many");
});

test("asks for an API key where there are keys, and calls with it", onlyReal, async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "chorus-web-"));
  writeFileSync(path.join(folder, "keys.yaml"),
    `keys: [{name: page, sha256: ${createHash("sha256").update("secret").digest("hex")}}]\n`);
  const keyed = await startServe("--api_keys", path.join(folder, "keys.yaml"));
  try {
    await open("/", { root: keyed.url });
    await page.locator("#key").waitFor();
    await page.locator("#run").click();
    assert.match(await page.getByRole("alert").textContent(), /The server wants an API key/);
    await page.locator("#key").fill("secret");
    await page.locator("#key").press("Enter");
    await columns().nth(2).waitFor();
    await setParameter("max_length", "12");
    await runToEnd();
    await page.getByText("The same with curl").click();
    assert.match(await page.locator("#curl").textContent(), /-H "Authorization: Bearer \$CHORUS_API_KEY"/);
    await shoot("key");
    await page.goto(`${keyed.url}/docs`);  // The tab keeps it.
    await page.locator(".operation").first().waitFor();
    const card = await openForm("ListGraphs");
    await sendForm(card, "200 OK");
  } finally {
    await keyed.stop();
    rmSync(folder, { recursive: true });
  }
});

test("shows the texts of a chain as the whole reply has them", onlyReal, async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "chorus-web-"));
  writeFileSync(path.join(folder, "relay.yaml"), `name: relay
nodes:
- {name: first, generate: {runner: gpt2-generation, max_new_tokens: 12}}
- {name: second, generate: {runner: distilgpt2-generation, input: first, max_new_tokens: 12}}
- {name: judge, classify: {runner: bert-base-uncased-classification, inputs: [first, second]}}
output: judge
`);
  const relay = await startServe("--graph", path.join(folder, "relay.yaml"));
  try {
    await open("/", { root: relay.url });
    await columns().nth(1).waitFor();
    await setParameter("seed", "7");
    await runToEnd();
    const whole = await context.request.post(`${relay.url}/v1/graphs/relay:run`, { data: { text: "I have an idea!", seed: "7" } });
    assert.deepEqual(await columns().locator(".text").allTextContents(), (await whole.json()).results.map(({ generated }) => generated));
    assert.match(await page.locator("#totals").textContent(), /new tokens\d+/);
  } finally {
    await relay.stop();
    rmSync(folder, { recursive: true });
  }
});

test("shows the server's graph when it has no inference_graph", onlyStandIn, async () => {
  standIn.others = OTHERS.slice(0, 1);
  standIn.graphs = () => StandIn.prototype.graphs.call(standIn).slice(0, 1);
  try {
    await open();
    await columns().nth(1).waitFor();
    assert.equal(new URL(page.url()).search, "?graph=chain");
    assert.match(await page.locator("#curl").textContent(), /v1\/graphs\/chain:streamRun/);
  } finally {
    delete standIn.graphs;
  }
});

test("works behind a proxy that puts a prefix before its paths", async () => {
  await open("/", { root: proxied });
  await columns().nth(2).waitFor();
  await setParameter("max_length", "24");
  await runToEnd();
  assert.equal(await page.locator('.column[data-state="done"]').count(), 3);
  assert.ok((await page.locator("#curl").textContent()).includes(`'${proxied}/classify_generated_texts:stream?`));
  await page.getByRole("tab", { name: "Graph" }).click();
  await page.locator("#graph").getByRole("article").nth(3).waitFor();
  await page.getByRole("link", { name: /^API/ }).click();
  await page.locator(".operation").first().waitFor();
  assert.equal(page.url(), `${proxied}/docs`);
  const card = page.locator("#GetGraph");
  await card.getByText("Send a request").click();
  await card.getByRole("button", { name: "Send" }).click();
  await card.getByRole("status").filter({ hasText: "200 OK" }).waitFor();
  assert.ok((await card.locator(".code pre").textContent()).includes(`'${proxied}/v1/graphs/inference_graph'`));
  await page.getByRole("link", { name: "Chorus" }).click();
  await columns().nth(2).waitFor();
  assert.equal(page.url(), `${proxied}/`);
});

test("notices a stream that breaks off", onlyStandIn, async () => {
  const token = (reply) => standIn.send(reply, "token", { index: 0, branch: "gpt2", text: " Once", num_tokens: 1 });
  for (const [end, title] of [
    [(reply) => reply.end(), "The answer broke off"],
    [(reply) => setTimeout(() => reply.destroy(), 500), "The connection broke"]]) {
    standIn.script = async (reply) => { token(reply); end(reply); };
    await page.getByRole("button", { name: "Run" }).click();
    await page.getByRole("alert").filter({ hasText: title }).waitFor();
  }
});

test("notices a server that is gone", onlyStandIn, async () => {
  await page.route("**/classify_generated_texts:stream*", (route) => route.abort("connectionrefused"));
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("alert").filter({ hasText: "The server does not answer" }).waitFor();
});

test("reads events however they are cut", onlyStandIn, async () => {
  const bytes = Buffer.from(
    ': comment\r\n\r\nevent: token\r\ndata: {"index":0,"branch":"gpt2",\r\ndata: "text":" é€😀"}\r\n\r\n' +
    'event: unknown\ndata: {}\n\nevent: done\ndata: {"seed":"7"}\n\n');
  standIn.script = async (reply) => {
    reply.writeHead(200, { "Content-Type": "text/event-stream" });
    for (const byte of bytes) {
      reply.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    reply.end();
  };
  await runToEnd();
  assert.match(await columns().first().locator(".text").textContent(), / é€😀$/);
});

test("shows of a chain the texts of the reply, each whole", onlyStandIn, async () => {
  standIn.script = async (reply) => {
    standIn.send(reply, "token", { branch: "plan", text: " a plan", num_tokens: 2, finish_reason: "FINISH_REASON_STOP" });
    standIn.send(reply, "token", { index: 0, branch: "first", text: " a plan", num_tokens: 0 });
    standIn.send(reply, "token", { index: 0, branch: "first", text: " was", num_tokens: 1, finish_reason: "FINISH_REASON_STOP" });
    standIn.send(reply, "token", { index: 1, branch: "second", text: " a plan was", num_tokens: 0 });
    standIn.send(reply, "token", { index: 1, branch: "second", text: " made", num_tokens: 1, finish_reason: "FINISH_REASON_STOP" });
    standIn.send(reply, "done", { prompt_tokens: 9, generated_tokens: 4, seed: "7" });
    reply.end();
  };
  await page.getByLabel("Prompt").fill("I have");
  await runToEnd();
  assert.equal(await columns().nth(0).locator(".text").textContent(), "I have a plan was");
  assert.equal(await columns().nth(1).locator(".text").textContent(), "I have a plan was made");
});

test("shows hostile texts as texts", onlyStandIn, async () => {
  const hostile = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</scr' + "ipt>";
  standIn.script = async (reply) => {
    standIn.send(reply, "token", { index: 0, branch: hostile, text: hostile, num_tokens: 1 });
    standIn.send(reply, "token", { index: 3, branch: hostile, text: hostile, num_tokens: 1 });
    standIn.send(reply, "score", { index: 3, branch: hostile, score: 0.5, label: hostile });
    standIn.send(reply, "error", { code: 500, status: "INTERNAL", message: hostile });
    reply.end();
  };
  await page.getByLabel("Prompt").fill(hostile);
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal(await columns().count(), 4);
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.ok((await columns().nth(3).textContent()).includes(hostile));
});

test("gives the curl command of the call, quoted for a shell", async () => {
  await page.getByLabel("Prompt").fill("It's $HOME");
  await setParameter("max_length", "16");
  await page.getByText("The same with curl").click();
  const command = await page.locator("#curl").textContent();
  assert.match(command, /--data-raw 'It'\\''s \$HOME'$/);
  const { stdout } = await promisify(execFile)("bash", ["-c", command.replace("curl ", "curl -s --noproxy '*' ")]);
  assert.match(stdout, /^event: token$/m);
  assert.match(stdout, /^event: done$/m);
  if (standIn) assert.equal(standIn.calls.at(-1).body, "It's $HOME");
});

test("draws the graph while its tab is open", async () => {
  await page.getByRole("tab", { name: "Graph" }).click();
  await page.getByRole("heading", { name: "inference_graph" }).waitFor();
  const nodes = page.locator("#graph").getByRole("article");
  assert.equal(await nodes.count(), 4);
  assert.equal(await page.locator(".edges path").count(), 7);
  assert.match(await nodes.last().textContent(), /bert-base-uncased.*classifies/);
  assert.match(await nodes.first().textContent(), /in flight\d+queue\d+calls\d+p50/);
  if (standIn) {
    assert.match(await nodes.first().textContent(), /failed0by caller4/);
    assert.equal(await nodes.first().getAttribute("data-failing"), "false");
    const calls = standIn.graphCalls;
    await page.waitForFunction((text) => document.querySelector(".fact-calls dd").textContent !== text,
      await page.locator(".fact-calls dd").first().textContent());
    assert.ok(standIn.graphCalls > calls);
  }
  await shoot("graph");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.getByRole("tab", { name: "Generate" }).getAttribute("aria-selected"), "true");
  assert.equal(await page.locator("#graph").isHidden(), true);
});

test("follows the graph when it changes", onlyStandIn, async () => {
  await columns().nth(2).waitFor();
  standIn.branches = ["other", "gpt2"];
  await runToEnd();
  assert.deepEqual(await columns().getByRole("heading").allTextContents(), ["other", "gpt2"]);
  await page.getByRole("tab", { name: "Graph" }).click();
  await page.locator("#graph").getByRole("article", { name: "other" }).waitFor();
  standIn.branches = ["gpt2"];
  await page.locator("#graph").getByRole("article", { name: "other" }).waitFor({ state: "detached" });
});

test("says when the graph cannot be had", onlyStandIn, async () => {
  await page.route("**/v1/graphs/*", (route) => route.fulfill({
    status: 404, contentType: "application/json",
    body: JSON.stringify({ error: { code: 404, status: "NOT_FOUND", message: "no graph is called \"inference_graph\"" } }) }));
  await page.getByRole("tab", { name: "Graph" }).click();
  await page.locator("#graph-status").filter({ hasText: 'no graph is called "inference_graph"' }).waitFor();
});

test("names every control", async () => {
  await page.getByText("Parameters").click();
  const nameless = await page.locator("input, textarea, button").evaluateAll((controls) => controls
    .filter((control) => !control.labels?.length && !control.textContent.trim() && !control.getAttribute("aria-label"))
    .map((control) => control.id));
  assert.deepEqual(nameless, []);
  assert.equal(await page.locator("#status").getAttribute("aria-live"), "polite");
});

for (const [scheme, viewport] of [["light", { width: 1280, height: 860 }], ["dark", { width: 1280, height: 860 }],
                                  ["light", { width: 390, height: 844 }], ["dark", { width: 390, height: 844 }]]) {
  const phone = viewport.width < 500;
  test(`fits a ${scheme} ${phone ? "phone" : "screen"}`, async () => {
    for (const [where, name] of [["/", "page"], ["/#graph", "graph"], ["/docs", "docs"]]) {
      await open(where, { colorScheme: scheme, viewport, deviceScaleFactor: phone ? 2 : 1 });
      if (name === "page") await runToEnd();
      else if (name === "graph") await page.locator("#graph").getByRole("article").first().waitFor();
      else await page.locator(".operation").first().waitFor();
      const [width, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(width <= inner, `${name} is ${width} px wide on ${inner}`);
      const [text, ground] = await page.evaluate(() => {
        const lightness = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, value) => sum + Number(value), 0);
        const style = getComputedStyle(document.body);
        return [lightness(style.color), lightness(style.backgroundColor)];
      });
      assert.equal(text > ground, scheme === "dark");
      await page.waitForTimeout(process.env.SCREENSHOTS ? 600 : 0);  // For the bars to grow.
      await shoot(`${name}-${scheme}${phone ? "-phone" : ""}`);
    }
  });
}

test("documents every operation", async () => {
  await open("/docs");
  const api = await (await context.request.get(`${url}/docs.json`)).json();
  await page.locator(".operation").first().waitFor();
  const ids = Object.values(api.paths).flatMap((methods) => Object.values(methods)).map(({ operationId }) => operationId);
  assert.equal(await page.locator(".operation").count(), ids.length);
  for (const id of ids) assert.equal(await page.locator(`#${id}`).count(), 1, id);
  assert.equal(await page.locator(".schema").count(), Object.keys(api.components.schemas).length);
  const tutorial = await page.locator("#ClassifyGeneratedTexts").textContent();
  assert.match(tutorial, /POST\/classify_generated_texts/);
  assert.match(tutorial, /top_pdouble, above 0, at most 1/);
  assert.match(tutorial, /--data-raw 'I have an idea!'/);
  await page.locator("#ClassifyGeneratedTexts").getByRole("link", { name: "ScoredText" }).click();
  assert.equal(new URL(page.url()).hash, "#schema-ScoredText");
});

// The card of an operation with its form open.
async function openForm(id) {
  const card = page.locator(`#${id}`);
  await card.getByText("Send a request").click();
  return card;
}

async function sendForm(card, status) {
  await card.getByRole("button", { name: "Send" }).click();
  await card.getByRole("status").filter({ hasText: status }).waitFor();
  return card.locator(".reply").textContent();
}

test("sends requests from the reference", async () => {
  await open("/docs");
  await page.locator(".operation").first().waitFor();

  const graph = await openForm("GetGraph");
  assert.equal(JSON.parse(await sendForm(graph, /^200 OK, application\/json, in \d/)).name, "inference_graph");
  await graph.getByLabel("graph", { exact: true }).fill("no such/graph");
  assert.match(await graph.locator(".code pre").textContent(), /\/v1\/graphs\/no%20such%2Fgraph'$/);
  if (real) assert.equal(JSON.parse(await sendForm(graph, "404")).error.status, "NOT_FOUND");

  const text = await openForm("StreamClassifyGeneratedTexts");
  await text.getByLabel("body", { exact: true }).fill("It's late");
  await text.getByText("Optional fields").click();
  await text.getByLabel("max_length", { exact: true }).fill("24");
  await text.getByLabel("stop", { exact: true }).fill("The end\nOnce");
  await text.getByLabel("do_sample", { exact: true }).selectOption("false");
  const stream = await sendForm(text, /^200 OK, text\/event-stream.*in \d/);
  assert.match(stream, /^event: token$/m);
  assert.match(stream, /^event: done$/m);
  if (standIn) {
    const { url: called, body } = standIn.calls.at(-1);
    assert.equal(body, "It's late");
    assert.deepEqual([...called.searchParams], [["max_length", "24"], ["do_sample", "false"], ["stop", "The end"], ["stop", "Once"]]);
  }
  await shoot("docs-stream");

  const json = await openForm("RunGraph");
  await json.getByText("Optional fields").click();
  await json.getByLabel("top_k", { exact: true }).fill("20");
  await json.getByLabel("max_length", { exact: true }).fill("24");
  await json.getByLabel("stop", { exact: true }).fill("The end\nOnce");
  if (standIn) standIn.runScript = (reply) => standIn.json(reply, { results: [] });
  const command = await json.locator(".code pre").textContent();
  const reply = JSON.parse(await sendForm(json, "200 OK"));
  assert.ok(Array.isArray(reply.results));
  if (standIn) {
    assert.deepEqual(JSON.parse(standIn.calls.at(-1).body), {
      text: "I have an idea!", max_length: 24, top_k: 20, seed: "7", stop: ["The end", "Once"], details: true });
  }
  // The command beside the form is the same call.
  const { stdout } = await promisify(execFile)("bash", ["-c", command.replace("curl ", "curl -s --noproxy '*' ")]);
  assert.deepEqual(JSON.parse(stdout), reply);
  if (standIn) assert.equal(standIn.calls.at(-1).body, standIn.calls.at(-2).body);
});

test("shows what comes of a stream as it comes, and cancels it", onlyStandIn, async () => {
  await open("/docs");
  await page.locator(".operation").first().waitFor();
  standIn.script = async (reply) => standIn.send(reply, "token", { index: 0, branch: "gpt2", text: " Once", num_tokens: 1 });
  const card = await openForm("StreamRunGraph");
  await card.getByRole("button", { name: "Send" }).click();
  await card.locator(".reply").filter({ hasText: "event: token" }).waitFor();
  assert.equal(await card.getByRole("button", { name: "Send" }).isDisabled(), true);
  await card.getByRole("button", { name: "Cancel" }).click();
  await card.getByRole("status").filter({ hasText: /^Cancelled after/ }).waitFor();
  assert.equal(await card.getByRole("button", { name: "Send" }).isDisabled(), false);
  await page.route("**/v1/graphs/*:streamRun", (route) => route.abort("connectionrefused"));
  await card.getByRole("button", { name: "Send" }).click();
  await card.getByRole("status").filter({ hasText: /^The connection broke/ }).waitFor();
});

test("names every control of every form of the reference", async () => {
  await open("/docs");
  await page.locator(".operation").first().waitFor();
  for (const form of await page.locator(".operation .try").all()) await form.getByText("Send a request").click();
  const [controls, nameless, ids] = await page.locator("input, textarea, select, button").evaluateAll((list) => [
    list.length,
    list.filter((control) => !control.labels?.length && !control.textContent.trim() && !control.getAttribute("aria-label")).map((control) => control.id),
    list.map((control) => control.id).filter(Boolean)]);
  assert.ok(controls > 100);
  assert.deepEqual(nameless, []);
  assert.equal(new Set(ids).size, ids.length);
});
