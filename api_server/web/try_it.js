// A form that sends one operation of the API, with a field for everything that the OpenAPI document
// says it takes, and the curl command of the same.

import { call, copyOnClick, keyArgument, shellQuote, urlOf } from "./calls.js";
import { make } from "./dom.js";

const SHOWN_CHARACTERS = 1 << 20;  // Of a reply.

// What is typed into a field for a value: an array's entries are lines.
function textOf(value) {
  if (value === undefined) return "";
  if (Array.isArray(value) && value.every((entry) => typeof entry !== "object")) return value.join("\n");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// The JSON value of it. What does not fit stays a text, for the server to say what is wrong.
function valueOf(text, schema) {
  if (schema.type === "array") return text.split("\n").map((line) => valueOf(line, schema.items));
  if (schema.type === "boolean") return text === "true";
  if (schema.type === "integer" || schema.type === "number") return String(Number(text)) === text ? Number(text) : text;
  if (schema.type === "string" || schema.enum) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function indented(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

export class TryIt {
  // `resolve` gives what a $ref stands for, `describe` a schema's type in words.
  constructor({ path, method, operation, parameters }, resolve, describe) {
    Object.assign(this, { path, method, describe, id: operation.operationId });
    const content = resolve(operation.responses["200"])?.content ?? {};
    this.streams = "text/event-stream" in content;
    this.fields = parameters.map(({ name, in: place, schema, required, example }) =>
      ({ name, place, schema: resolve(schema), required, example: textOf(example), text: required ? textOf(example) : "" }));
    const accepted = Object.keys(content);
    if (accepted.length > 1) this.addField("Accept", "header", { enum: accepted });
    const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    this.type = type;
    const schema = resolve(media?.schema);
    if (type === "application/json" && schema.properties) {
      for (const [name, property] of Object.entries(schema.properties)) {
        this.addField(name, "json", resolve(property), textOf(media.example?.[name]), schema.required?.includes(name));
      }
    } else if (type) {
      this.addField("body", "body", { type: "string" }, textOf(media.example), true);
    }
    this.command = make("pre", "");
    this.command.tabIndex = 0;
    this.command.setAttribute("aria-label", `curl command of ${this.id}`);
    const copy = make("button", "", "Copy");
    copy.type = "button";
    copy.setAttribute("aria-label", `Copy the curl command of ${this.id}`);
    copyOnClick(copy, this.command);
    const form = make("details", "try", make("summary", "", "Send a request"));
    form.addEventListener("toggle", () => this.form ?? form.append(this.makeForm()));
    this.element = make("div", "", make("div", "code", this.command, copy), form);
    this.showCommand();
  }

  addField(name, place, schema, text = "", required = false) {
    this.fields.push({ name, place, schema, required, text });
  }

  // {url, method, headers, body} of what the fields say.
  request() {
    const given = (place) => this.fields.filter((field) => field.place === place && (field.text !== "" || field.required));
    const path = this.path.replace(/\{([^}]+)\}/g, (_, name) =>
      encodeURIComponent(given("path").find((field) => field.name === name)?.text || name));
    const query = given("query").flatMap(({ name, schema, text }) =>
      (schema.type === "array" ? text.split("\n") : [text]).map((value) => [name, value]));
    const headers = Object.fromEntries(given("header").map(({ name, text }) => [name, text]));
    let body;
    if (this.type) headers["Content-Type"] = this.type;
    if (this.type === "application/json") {
      body = JSON.stringify(Object.fromEntries(given("json").map(({ name, schema, text }) => [name, valueOf(text, schema)])));
    } else if (this.type) {
      body = given("body")[0]?.text ?? "";
    }
    const search = query.length > 0 ? `?${new URLSearchParams(query)}` : "";
    return { url: urlOf(path) + search, method: this.method.toUpperCase(), headers, body };
  }

  showCommand() {
    const { url, method, headers, body } = this.request();
    const parts = [`curl ${this.streams ? "-N " : ""}${body === undefined && method !== "GET" ? `-X ${method} ` : ""}${shellQuote(url)}`];
    const others = Object.entries(headers).map(([name, value]) => `-H ${shellQuote(`${name}: ${value}`)}`);
    if (body !== undefined) others.push(`--data-raw ${shellQuote(body)}`);
    if (others.length > 0) parts.push(others.join(" "));
    this.command.textContent = parts.join(" \\\n  ") + keyArgument();
  }

  makeForm() {
    this.send = make("button", "primary", "Send");
    this.send.type = "submit";
    this.cancel = make("button", "", "Cancel");
    this.cancel.type = "button";
    this.cancel.disabled = true;
    this.status = make("span", "status");
    this.status.setAttribute("role", "status");
    this.reply = make("pre", "reply");
    this.reply.tabIndex = 0;
    this.reply.hidden = true;
    this.reply.setAttribute("aria-label", `Reply of ${this.id}`);
    const isMain = (field) => field.required || field.text !== "";
    const main = this.fields.filter(isMain);
    const others = this.fields.filter((field) => !isMain(field));
    this.form = make("form", "");
    this.form.noValidate = true;
    if (main.length > 0) this.form.append(this.grid(main));
    if (others.length > 0) {
      this.form.append(make("details", "parameters", make("summary", "", "Optional fields"), this.grid(others)));
    }
    this.form.append(make("div", "actions", this.send, this.cancel, this.status), this.reply);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.running) this.run();
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.running?.abort();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    this.cancel.addEventListener("click", () => this.running?.abort());
    return this.form;
  }

  grid(fields) {
    return make("div", "parameter-grid", ...fields.map((field) => this.input(field)));
  }

  input(field) {
    const { schema } = field;
    const choices = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
    const isLong = schema.type === "array" || field.place === "body" || field.name === "text";
    const input = make(choices ? "select" : isLong ? "textarea" : "input", "");
    if (choices) input.append(...["", ...choices].map((choice) => new Option(choice, choice)));
    else input.spellcheck = false;
    if (isLong) input.rows = 2;
    else if (!choices) input.autocomplete = "off";
    if (!choices && field.example) input.placeholder = field.example;
    input.value = field.text;
    input.id = `${this.id}-${field.place}-${field.name}`;
    input.addEventListener("input", () => {
      field.text = input.value;
      this.showCommand();
    });
    const label = make("label", "", field.name);
    label.htmlFor = input.id;
    const note = make("small", "", this.describe(schema), ...(schema.type === "array" ? ["; one a line"] : []),
                      ...(field.required ? [", required"] : []));
    note.id = `${input.id}-note`;
    input.setAttribute("aria-describedby", note.id);
    return make("div", isLong ? "wide" : "", label, input, note);
  }

  async run() {
    this.running = new AbortController();
    this.send.disabled = true;
    this.cancel.disabled = false;
    this.status.textContent = "Sending…";
    this.reply.hidden = true;
    const start = performance.now();
    const { url, ...options } = this.request();
    try {
      const reply = await call(url, { ...options, cache: "no-store", signal: this.running.signal });
      const type = reply.headers.get("Content-Type") ?? "";
      const head = [`${reply.status} ${reply.statusText}`.trim(), type].filter(Boolean).join(", ");
      this.status.textContent = `${head}…`;
      await this.show(reply.body, type);
      this.status.textContent = `${head}, in ${duration(performance.now() - start)}`;
    } catch (error) {
      const why = this.running.signal.aborted ? "Cancelled" : `The connection broke (${error.message})`;
      this.status.textContent = `${why} after ${duration(performance.now() - start)}`;
    } finally {
      this.running = null;
      this.send.disabled = false;
      this.cancel.disabled = true;
    }
  }

  // Shows the body as it comes; JSON that has come whole is indented.
  async show(body, type) {
    const text = document.createTextNode("");
    this.reply.replaceChildren(text);
    this.reply.hidden = false;
    const decoder = new TextDecoder();
    const reader = body?.getReader();
    let numLeftOut = 0;
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader.read()) {
      const more = decoder.decode(piece.value, { stream: true });
      const room = SHOWN_CHARACTERS - text.data.length;
      text.data += more.slice(0, room);
      numLeftOut += Math.max(0, more.length - room);
    }
    if (numLeftOut > 0) text.data += `\n… and ${numLeftOut} characters more`;
    else if (/^application\/json\b/.test(type)) text.data = indented(text.data);
    if (text.data === "") text.data = "(an empty body)";
  }
}
