// The page at /docs: shows docs.json for reading and for trying.

import { urlOf } from "./calls.js";
import { byId, make } from "./dom.js";
import { TryIt } from "./try_it.js";

// The little Markdown that descriptions use: paragraphs, "* " lists, `code`.
function prose(text) {
  const inline = (line) => line.split(/`([^`]+)`/).map((part, i) => (i % 2 === 1 ? make("code", "", part) : part));
  const box = make("div", "prose");
  let list = null;
  for (const line of (text ?? "").split("\n")) {
    if (line.startsWith("* ")) {
      if (!list) box.append(list = make("ul", ""));
      list.append(make("li", "", ...inline(line.slice(2))));
    } else if (line !== "") {
      list = null;
      box.append(make("p", "", ...inline(line)));
    }
  }
  return box;
}

const schemaId = (name) => `schema-${name}`;

// What a value may be, with links to the schemas it names.
function typeOf(schema) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    const link = make("a", "", name);
    link.href = `#${schemaId(name)}`;
    return [link];
  }
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items), ...bounds(schema.minItems, schema.maxItems, "entries")];
  if (schema.enum) return [schema.enum.join(", ")];
  const parts = [schema.format ?? schema.type ?? "any"];
  if (schema.format === "uint64" && schema.type === "string") parts[0] = "uint64 as a string";
  const low = schema.exclusiveMinimum ?? schema.minimum;
  const high = schema.exclusiveMaximum ?? schema.maximum;
  const wide = (value) => value === undefined || Math.abs(value) >= 2 ** 31 - 1;
  if (!wide(low) && !wide(high)) parts.push(schema.exclusiveMinimum === undefined ? `, ${low} to ${high}` : `, above ${low}, at most ${high}`);
  else if (!wide(low) && (low !== 0 || schema.exclusiveMinimum !== undefined)) parts.push(schema.exclusiveMinimum === undefined ? `, at least ${low}` : `, above ${low}`);
  else if (!wide(high)) parts.push(`, at most ${high}`);
  parts.push(...bounds(schema.minLength, schema.maxLength, "bytes"));
  return parts;
}

function bounds(low, high, of) {
  if (low === undefined && high === undefined) return [];
  return [low === undefined ? `, at most ${high} ${of}` : `, ${low} to ${high ?? "any number of"} ${of}`];
}

function row(name, type, description, required) {
  const first = make("td", "", name, make("span", "type", ...type, ...(required ? [", required"] : [])));
  return make("tr", "", first, make("td", "", prose(description)));
}

function table(rows) {
  return make("table", "rows", make("tbody", "", ...rows));
}

class Reference {
  constructor(api) { this.api = api; }

  // What a $ref stands for.
  resolve(object) {
    if (!object?.$ref) return object;
    return object.$ref.slice(2).split("/").reduce((at, key) => at[key], this.api);
  }

  render() {
    const { info, tags, paths, components } = this.api;
    byId("intro").replaceChildren(make("h1", "", `${info.title} API ${info.version}`), ...prose(info.description).childNodes);
    for (const tag of tags) {
      const operations = Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).filter(([, operation]) => operation.tags.includes(tag.name))
          .map(([method, operation]) => ({ path, method, operation })));
      if (operations.length === 0) continue;
      byId("nav").append(make("h2", "", tag.name));
      byId("operations").append(make("h2", "section-title", tag.name), prose(tag.description));
      for (const entry of operations) {
        this.link(entry.operation.operationId, entry.operation.operationId);
        byId("operations").append(this.operation(entry));
      }
    }
    byId("nav").append(make("h2", "", "Schemas"));
    byId("schemas").append(make("h2", "section-title", "Schemas"));
    for (const [name, schema] of Object.entries(components.schemas)) {
      this.link(schemaId(name), name);
      byId("schemas").append(this.schema(name, schema));
    }
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }

  link(id, text) {
    const link = make("a", "", text);
    link.href = `#${id}`;
    byId("nav").append(link);
  }

  operation({ path, method, operation }) {
    const card = make("article", "card operation",
      make("h2", "", make("span", `verb verb-${method}`, method.toUpperCase()), make("span", "path", path)),
      prose(operation.description));
    card.id = operation.operationId;
    const parameters = (operation.parameters ?? []).map((parameter) => this.resolve(parameter));
    for (const [place, title] of [["path", "In the path"], ["query", "In the query"], ["header", "Headers"]]) {
      const rows = parameters.filter((parameter) => parameter.in === place)
        .map((parameter) => row(parameter.name, typeOf(parameter.schema), parameter.description, parameter.required));
      if (rows.length > 0) card.append(make("h3", "", title), table(rows));
    }
    if (operation.requestBody) {
      card.append(make("h3", "", "Body"));
      if (operation.requestBody.description) card.append(prose(operation.requestBody.description));
      card.append(table(this.contents(operation.requestBody)));
    }
    card.append(make("h3", "", "Replies"), table(Object.entries(operation.responses).map(([code, reference]) => {
      const response = this.resolve(reference);
      const types = Object.entries(response.content ?? {}).filter(() => code === "200")
        .flatMap(([type, media], i) => [i > 0 ? "; " : "", `${type}: `, ...this.mediaType(media)]);
      return row(code, types, response.description);
    })));
    card.append(make("h3", "", "Try it"), this.tryIt(path, method, operation, parameters));
    return card;
  }

  mediaType({ schema }) {
    return schema.contentSchema ? ["many ", ...typeOf(schema.contentSchema)] : typeOf(schema);
  }

  contents({ content }) {
    return Object.entries(content).map(([type, media]) => row(type, this.mediaType(media), ""));
  }

  tryIt(path, method, operation, parameters) {
    const box = new TryIt({ path, method, operation, parameters }, (object) => this.resolve(object),
                          (schema) => make("span", "", ...typeOf(schema)).textContent).element;
    const response = this.resolve(operation.responses["200"]);
    const reply = Object.values(response?.content ?? {}).find((entry) => entry.example !== undefined)?.example;
    if (reply !== undefined && reply !== "\n") {
      const text = typeof reply === "string" ? reply : JSON.stringify(reply, null, 2);
      box.append(make("h3", "", "Which brings"), make("pre", "", text.trimEnd()));
    }
    return box;
  }

  schema(name, schema) {
    const card = make("article", "card schema", make("h2", "", make("span", "path", name)), prose(schema.description));
    card.id = schemaId(name);
    const fields = Object.entries(schema.properties ?? {});
    if (fields.length > 0) {
      card.append(table(fields.map(([field, property]) =>
        row(field, typeOf(property), property.description, schema.required?.includes(field)))));
    }
    return card;
  }
}

try {
  const reply = await fetch(urlOf("docs.json"));
  if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
  new Reference(await reply.json()).render();
} catch (error) {
  byId("error").textContent = `The API's description could not be loaded: ${error.message}`;
  byId("error").hidden = false;
}
