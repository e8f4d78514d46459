// The tab that draws the graph: a card a node, in columns by how far it is from the request, and
// curves between them.

import { call } from "./calls.js";
import { byId, make } from "./dom.js";

const POLL_MS = 1000;
const BEND = 40;
const ABOVE = 8;
const SVG = "http://www.w3.org/2000/svg";

// {name: how many nodes its text has passed, itself included}.
function depths(nodes) {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const known = new Map();
  const depth = (node, seen) => {
    if (known.has(node.name)) return known.get(node.name);
    if (seen.has(node.name)) return 1;
    const inputs = (node.inputs ?? []).map((name) => byName.get(name)).filter(Boolean);
    const value = 1 + Math.max(0, ...inputs.map((input) => depth(input, new Set([...seen, node.name]))));
    known.set(node.name, value);
    return value;
  };
  for (const node of nodes) depth(node, new Set());
  return known;
}

function seconds(value) {
  if (value === undefined) return "–";
  if (value >= 10) return `${value.toFixed(1)} s`;
  if (value >= 1) return `${value.toFixed(2)} s`;
  return `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms`;
}

// "generates", of NODE_KIND_GENERATE.
function verb(kind) {
  const word = (kind ?? "").replace("NODE_KIND_", "").toLowerCase();
  return word.endsWith("y") ? `${word.slice(0, -1)}ies` : `${word}s`;
}

class NodeCard {
  constructor(node) {
    this.values = {};
    const list = make("dl", "facts");
    for (const [key, name] of [["in_flight", "in flight"], ["waiting", "queue"], ["calls", "calls"],
                               ["p50", "p50"], ["p99", "p99"], ["failures", "failed"],
                               ["caller_errors", "by caller"]]) {
      this.values[key] = make("dd", "", "–");
      list.append(make("div", `fact-${key}`, make("dt", "", name), this.values[key]));
    }
    this.health = make("span", "health");
    this.element = make(
      "article", "card node",
      make("header", "", make("h2", "", node.name),
           make("span", "state", verb(node.kind))),
      make("p", "runner", this.health, node.runner), list);
    this.element.setAttribute("aria-label", node.name);
  }

  update(node) {
    const set = (key, value) => {
      if (this.values[key] && this.values[key].textContent !== value) this.values[key].textContent = value;
    };
    set("in_flight", String(node.in_flight ?? 0));
    set("waiting", String(node.waiting ?? "–"));
    set("p50", seconds(node.p50_seconds));
    set("p99", seconds(node.p99_seconds));
    set("calls", String(node.recent_calls ?? 0));
    set("failures", String(node.recent_failures ?? 0));
    set("caller_errors", String(node.recent_caller_errors ?? 0));
    const healthy = node.healthy_replicas ?? 0;
    const text = `${healthy} of ${node.replicas ?? 0} healthy`;
    this.health.title = text;
    this.health.setAttribute("role", "img");
    this.health.setAttribute("aria-label", text);
    this.health.dataset.ok = String(healthy > 0);
    this.element.dataset.busy = String((node.in_flight ?? 0) > 0);
    this.element.dataset.failing = String((node.recent_failures ?? 0) > 0);
  }
}

class GraphView {
  constructor(graph) {
    this.key = GraphView.keyOf(graph);
    this.edges = document.createElementNS(SVG, "svg");
    this.edges.setAttribute("class", "edges");
    this.edges.setAttribute("aria-hidden", "true");
    this.cards = new Map(graph.nodes.map((node) => [node.name, new NodeCard(node)]));
    const request = make("div", "terminal", "request");
    const reply = make("div", "terminal", "reply");
    const depth = depths(graph.nodes);
    const levels = [[request]];
    for (const node of graph.nodes) (levels[depth.get(node.name)] ??= []).push(this.cards.get(node.name).element);
    levels.push([reply]);
    byId("graph-view").replaceChildren(this.edges, ...levels.map((level) => make("div", "level", ...level)));
    byId("graph-name").textContent = graph.name;

    // Where each edge begins and ends, and the node whose calls it stands for.
    this.links = [];
    for (const node of graph.nodes) {
      const element = this.cards.get(node.name).element;
      const inputs = (node.inputs ?? []).filter((name) => this.cards.has(name));
      const level = depth.get(node.name);
      for (const name of inputs) {
        this.links.push({ from: this.cards.get(name).element, to: element, level, skips: level - depth.get(name) > 1, busy: element });
      }
      if (inputs.length === 0) this.links.push({ from: request, to: element, level, busy: element });
      if (node === graph.nodes.at(-1)) this.links.push({ from: element, to: reply, level: level + 1, busy: element });
    }
    for (const link of this.links) {
      link.path = document.createElementNS(SVG, "path");
      this.edges.append(link.path);
    }
    byId("graph-view").dataset.skips = String(this.links.some((link) => link.skips));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(byId("graph-view"));
    this.update(graph);
  }

  // Changes when other nodes or edges come.
  static keyOf(graph) {
    return JSON.stringify([graph.name, graph.nodes.map((node) => [node.name, node.runner, node.inputs])]);
  }

  update(graph) {
    for (const node of graph.nodes) this.cards.get(node.name).update(node);
    this.draw();
  }

  draw() {
    const frame = byId("graph-view").getBoundingClientRect();
    const stacked = getComputedStyle(byId("graph-view")).flexDirection === "column";
    for (const { from, to, level, skips, busy, path } of this.links) {
      const a = from.getBoundingClientRect();
      const b = to.getBoundingClientRect();
      const y1 = a.top + a.height / 2 - frame.top;
      const y2 = b.top + b.height / 2 - frame.top;
      let d;
      if (stacked) {
        // Down the left margin to odd levels, down the right one to even levels.
        const side = level % 2 === 1 ? "left" : "right";
        const margin = side === "left" ? 5 : frame.width - 5;
        d = `M${a[side] - frame.left} ${y1}H${margin}V${y2}H${b[side] - frame.left}`;
      } else {
        const x1 = a.right - frame.left;
        const x2 = b.left - frame.left;
        const middle = (x1 + x2) / 2;
        d = skips  // Above the cards between the two.
          ? `M${x1} ${y1}C${x1 + BEND} ${y1} ${x1} ${ABOVE} ${x1 + BEND} ${ABOVE}H${x2 - BEND}C${x2} ${ABOVE} ${x2 - BEND} ${y2} ${x2} ${y2}`
          : `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
      }
      path.setAttribute("d", d);
      path.setAttribute("class", busy.dataset.busy === "true" ? "busy" : "");
    }
  }

  close() { this.observer.disconnect(); }
}

// Shows the graph of that path until the function that is returned is called. It asks the server
// only while the page can be seen.
export function watchGraph(path) {
  const status = byId("graph-status");
  let view = null;
  let timer = null;
  let stopped = false;
  const poll = async () => {
    try {
      const reply = await call(path, { cache: "no-store" });
      const graph = await reply.json();
      if (stopped) return;
      if (!reply.ok) throw new Error(graph.error?.message ?? `the server answered ${reply.status}`);
      if (view?.key === GraphView.keyOf(graph)) view.update(graph);
      else { view?.close(); view = new GraphView(graph); }
      if (status.textContent !== "") status.textContent = "";
    } catch (error) {
      const text = error instanceof TypeError ? "The server does not answer; trying on." : `${error.message}; trying on.`;
      if (!stopped && status.textContent !== text) status.textContent = text;
    }
    if (!stopped && document.visibilityState === "visible") {
      clearTimeout(timer);
      timer = setTimeout(poll, POLL_MS);
    }
  };
  const onVisibility = () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") poll();
  };
  document.addEventListener("visibilitychange", onVisibility);
  poll();
  return () => {
    stopped = true;
    clearTimeout(timer);
    view?.close();
    document.removeEventListener("visibilitychange", onVisibility);
  };
}
