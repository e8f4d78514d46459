// The texts of one run, a column each. Texts of the server reach the document as text nodes only.

import { byId, make } from "./dom.js";

const STAGES = ["queue", "prefill", "decode", "classify"];
const STATES = { idle: "", waiting: "waiting", writing: "writing", scoring: "scoring", done: "done",
                 stopped: "not finished", failed: "failed" };
const ENDS = {
  FINISH_REASON_STOP: "The model ended it.",
  FINISH_REASON_LENGTH: "It reached the length limit.",
  FINISH_REASON_STOP_STRING: "A stop string came next.",
  FINISH_REASON_DEADLINE: "The call's time was nearly up.",
};
const LEAST_TIMED_MS = 50;  // Below, a speed says nothing.

class Column {
  constructor(branch) {
    this.branch = branch;
    this.numTokens = 0;
    this.prompt = make("span", "prompt");
    this.text = document.createTextNode("");
    this.caret = make("span", "caret");
    this.caret.setAttribute("aria-hidden", "true");
    this.state = make("span", "state");
    const name = make("h2", "", branch);
    this.end = make("p", "end");
    this.label = make("span", "label", "not scored yet");
    this.percent = make("span", "percent");
    this.fill = make("span", "fill");
    this.meter = make("div", "meter", this.fill);
    this.meter.setAttribute("role", "meter");
    this.meter.setAttribute("aria-label", `score of ${branch}`);
    this.meter.setAttribute("aria-valuemin", "0");
    this.meter.setAttribute("aria-valuemax", "1");
    this.meter.setAttribute("aria-valuenow", "0");
    this.speed = make("dd", "");
    this.timing = make("div", "timing");
    this.element = make(
      "article", "card column",
      make("header", "", name, this.state),
      make("div", "text", this.prompt, this.text, this.caret), this.end,
      make("footer", "", make("div", "score", this.label, this.percent), this.meter, this.timing));
    name.id = `branch-${Column.count = (Column.count ?? 0) + 1}`;
    this.element.setAttribute("aria-labelledby", name.id);
    this.setState("idle");
  }

  setState(state) {
    this.element.dataset.state = state;
    this.state.textContent = STATES[state];
  }

  // `ms` is since the call began. Events without tokens bring what another text is continued from.
  onToken(event, ms) {
    const numTokens = event.num_tokens ?? 0;
    if (numTokens > 0) {
      if (this.numTokens === 0) {
        this.first = { ms, numTokens };
        this.showTiming({});
      } else if (ms - this.first.ms >= LEAST_TIMED_MS) {
        this.showSpeed(this.numTokens + numTokens - this.first.numTokens, ms - this.first.ms);
      }
    }
    this.text.data += event.text ?? "";
    this.numTokens += numTokens;
    if (event.finish_reason) this.end.textContent = ENDS[event.finish_reason] ?? "";
    this.setState(event.finish_reason ? "scoring" : "writing");
  }

  onScore(event) {
    const score = event.score ?? 0;
    this.label.textContent = event.label ?? "score";
    const isShare = event.score_kind !== "SCORE_KIND_RAW";  // Else a value of any size.
    this.percent.textContent = isShare ? `${(score * 100).toFixed(1)} %` : Number(score.toPrecision(5)).toString();
    this.fill.style.width = `${isShare ? score * 100 : 0}%`;
    this.meter.hidden = !isShare;
    this.meter.setAttribute("aria-valuenow", String(score));
    this.meter.setAttribute("aria-valuetext", `${this.label.textContent}, ${this.percent.textContent}`);
    this.element.dataset.tone = /^pos/i.test(event.label) ? "good" : /^neg/i.test(event.label) ? "bad" : "";
    if (event.truncated) this.end.textContent += " The classifier read its beginning only.";
    if (event.untrained_head) this.end.textContent += " The classifier was never trained: its score means nothing.";
    this.setState("done");
    const { decode } = event.timing ?? {};
    if (decode > 0) this.showSpeed(this.numTokens - 1, decode * 1000);  // The first is prefill's.
    this.showTiming(event.timing ?? {});
  }

  // Of a reply that came whole.
  onResult(result, prompt) {
    if (result.error) return this.fail(result.error.message ?? "");
    const text = result.generated ?? "";
    this.text.data = text.startsWith(prompt) ? text.slice(prompt.length) : text;
    this.prompt.textContent = prompt;
    this.first = undefined;
    this.numTokens = result.timing?.generated_tokens ?? 0;
    this.end.textContent = ENDS[result.finish_reason] ?? "";
    this.onScore(result);
  }

  fail(message) {
    this.label.textContent = "not scored";
    this.end.textContent = message;
    this.setState("failed");
  }

  // What has not begun is as it was.
  stop() {
    if (this.text.data === "") this.prompt.textContent = "";
    else this.label.textContent = "not scored";
    this.setState(this.text.data === "" ? "idle" : "stopped");
  }

  showSpeed(numTokens, ms) {
    const rate = numTokens / ms * 1000;
    if (numTokens > 0 && ms > 0) this.speed.textContent = rate < 100 ? rate.toFixed(1) : rate.toFixed(0);
  }

  showTiming(timing) {
    const stages = STAGES.filter((stage) => timing[stage] > 0);
    const total = stages.reduce((sum, stage) => sum + timing[stage], 0);
    const list = make("dl", "stages");
    if (this.first) {
      list.append(make("div", "", make("dt", "", "first token"), make("dd", "", milliseconds(this.first.ms / 1000))));
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
    list.append(make("div", "speed", make("dt", "", "tokens/s"), this.speed));
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

// By the events' index.
export class Columns {
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

  get unfinished() {
    return this.list.filter((column) => column.element.dataset.state !== "done");
  }

  // What has its score stays as it is; of the others none will get one.
  stop(failure) {
    for (const column of this.unfinished) {
      if (failure?.branch !== undefined && column.branch === failure.branch) column.fail(failure.message);
      else if (column.element.dataset.state !== "failed") column.stop();
    }
  }

  // The results of a whole reply, in the places of those that have none yet.
  finish(results) {
    const unfinished = new Set(this.unfinished);
    for (const [index, result] of results.entries()) {
      const column = this.at({ index });
      if (unfinished.has(column)) column.onResult(result, this.prompt);
    }
  }
}
