// A stand-in for the gateway that can do what the real one cannot be brought to: fail in the middle
// of a stream, break off, send hostile texts. It serves the page's own files and speaks the same
// server-sent events.

import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";

const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
// As api_server/front/page_handler.cc says.
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const GENERATE = "NODE_KIND_GENERATE";
export const CLASSIFY = "NODE_KIND_CLASSIFY";
export const BRANCHES = ["gpt2", "distilgpt2", "gpt2-medium"];
const TEXTS = [
  " “Let us go down to the sea before it is light,” said Anne, and no one had anything better to say.",
  " It is late, and the roads are bad; but if you will lend me the grey horse I can be back by noon.",
  " We could ask her. She has known him longer than any of us, and she has never yet been wrong about him.",
];
const SCORES = [[0.9312, "POSITIVE"], [0.8127, "NEGATIVE"], [0.7745, "POSITIVE"]];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class StandIn {
  // What a call of the stream does: an async function of (reply, request).
  script = (reply) => this.answer(reply);
  calls = [];  // {url, body, left}: left is set when the client closed before the end.
  // What a call of a graph that does not stream does.
  runScript = (reply) => this.refuse(reply, 503, { status: "UNAVAILABLE", message: "no runner is healthy" });
  branches = BRANCHES;  // At most three.
  others = [];  // Graphs beside inference_graph: {name, nodes: [{name, kind, inputs}, …]}.
  graphCalls = 0;
  inFlight = 0;

  static async start(webDir, openapi) {
    const standIn = new StandIn();
    standIn.server = http.createServer((request, reply) => standIn.handle(request, reply, webDir, openapi));
    await new Promise((resolve) => standIn.server.listen(0, "127.0.0.1", resolve));
    standIn.port = standIn.server.address().port;
    standIn.url = `http://127.0.0.1:${standIn.port}`;
    return standIn;
  }

  stop() {
    this.server.closeAllConnections?.();
    return new Promise((resolve) => this.server.close(resolve));
  }

  async handle(request, reply, webDir, openapi) {
    const url = new URL(request.url, this.url);
    if (url.pathname === "/classify_generated_texts:stream") return this.stream(request, reply, url);
    const [, graph, verb] = /^\/v1\/graphs(?:\/([^:/]+)(:[A-Za-z]+)?)?$/.exec(url.pathname) ?? [];
    if (verb === ":streamRun") return this.stream(request, reply, url);
    if (verb === ":run") return this.run(request, reply, url);
    if (url.pathname === "/v1/graphs") return this.json(reply, { graphs: this.graphs() });
    if (graph) return this.graph(reply, graph);
    if (url.pathname === "/docs.json") {
      reply.writeHead(200, { "Content-Type": "application/json" });
      return reply.end(openapi);
    }
    const file = { "/": "index.html", "/docs": "docs.html" }[url.pathname] ?? url.pathname.slice(1);
    if (!/^[a-z_]+\.[a-z]+$/.test(file)) return reply.writeHead(404).end();
    try {
      const content = await readFile(path.join(webDir, file));
      reply.writeHead(200, { "Content-Type": TYPES[path.extname(file)], "Content-Security-Policy": POLICY });
      reply.end(content);
    } catch {
      reply.writeHead(404).end();
    }
  }

  async note(request, url) {
    let body = "";
    for await (const piece of request) body += piece;
    const call = { url, body, left: false };
    this.calls.push(call);
    return call;
  }

  async run(request, reply, url) {
    await this.note(request, url);
    await this.runScript(reply);
  }

  async stream(request, reply, url) {
    const call = await this.note(request, url);
    reply.on("close", () => { call.left = !reply.writableFinished; });
    this.inFlight += 1;
    await this.script(reply, request);
    this.inFlight -= 1;
  }

  send(reply, event, data) {
    if (!reply.headersSent) reply.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
    reply.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  // A heartbeat, then each branch token by token, its score, and the end.
  async answer(reply, { delay = 12 } = {}) {
    reply.writeHead(200, { "Content-Type": "text/event-stream" });
    reply.write(": heartbeat\n\n");
    const tokens = TEXTS.map((text) => text.match(/\s*\S+/gu));
    const length = Math.max(...tokens.map((list) => list.length));
    const branches = [...this.branches];  // A later test may have others before this has ended.
    for (let i = 0; i < length + 1; ++i) {
      for (const [index, branch] of branches.entries()) {
        if (i < tokens[index].length) {
          const end = i === tokens[index].length - 1 ? { finish_reason: "FINISH_REASON_STOP" } : {};
          this.send(reply, "token", { index, branch, text: tokens[index][i], num_tokens: 1, ...end });
        } else if (i === tokens[index].length) {
          const [score, label] = SCORES[index];
          const timing = {
            queue: 0.0021, prefill: 0.0104 + index * 0.003, decode: 0.182 + index * 0.09, classify: 0.0063,
            mean_batch_size: 1.4, classify_batch_size: 1, prompt_tokens: 5, generated_tokens: tokens[index].length,
          };
          this.send(reply, "score", { index, branch, score, label, timing });
        }
      }
      await pause(delay);
    }
    this.send(reply, "done", { prompt_tokens: 15, generated_tokens: 61, seed: "15237459112480617354" });
    reply.end();
  }

  refuse(reply, code, error, headers = {}) {
    reply.writeHead(code, { "Content-Type": "application/json", ...headers });
    reply.end(JSON.stringify({ error: { code, details: [], ...error } }));
  }

  json(reply, object) {
    reply.writeHead(200, { "Content-Type": "application/json" });
    reply.end(JSON.stringify(object));
  }

  graphs() {
    const nodes = (list) => list.map(({ name, kind, inputs }, i) => this.node(name, kind, inputs, kind === GENERATE ? 0.21 + 0.11 * i : 0.0063));
    return [
      ...this.others.map(({ name, nodes: list }) => ({ name, nodes: nodes(list) })),
      { name: "inference_graph", nodes: nodes([
        ...this.branches.map((name) => ({ name, kind: GENERATE, inputs: [] })),
        { name: "bert-base-uncased", kind: CLASSIFY, inputs: this.branches }]) },
    ];
  }

  graph(reply, name) {
    this.graphCalls += 1;
    const graph = this.graphs().find((other) => other.name === name);
    if (graph) return this.json(reply, graph);
    this.refuse(reply, 404, { status: "NOT_FOUND", message: `no graph is called "${name}"` });
  }

  node(name, kind, inputs, p50) {
    const busy = this.graphCalls % 2;
    return {
      name, kind, runner: `${name}-${kind === GENERATE ? "generation" : "classification"}`, inputs,
      healthy_replicas: 1, replicas: 1, in_flight: busy * 3,
      ...(kind === GENERATE ? { waiting: busy } : {}),
      recent_calls: 118 + this.graphCalls, recent_failures: 0, recent_caller_errors: 4, p50_seconds: p50, p99_seconds: p50 * 1.8,
    };
  }
}
