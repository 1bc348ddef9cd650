// SPDX-License-Identifier: AGPL-3.0-or-later
// Shows openapi.json, and sends requests. Nothing is put into the page as HTML: texts only.
"use strict";

const byId = (id) => document.getElementById(id);
let api;

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A schema in one readable text: {id: integer, username: string or null, …}.
function shape(schema, depth = 0) {
  if (!schema || depth > 5)
    return "…";
  if (schema.$ref)
    return shape(api.components.schemas[schema.$ref.split("/").pop()], depth);
  if (schema.anyOf)
    return schema.anyOf.map((s) => shape(s, depth)).join(" or ");
  if (schema.enum)
    return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  const pad = "  ".repeat(depth + 1);
  if (schema.type === "array")
    return "[" + shape(schema.items, depth) + "]";
  if (schema.type === "object") {
    const needed = schema.required || [];
    const rows = Object.entries(schema.properties || {}).map(([name, s]) =>
      pad + name + (needed.includes(name) ? "" : "?") + ": " + shape(s, depth + 1));
    return rows.length ? "{\n" + rows.join(",\n") + "\n" + "  ".repeat(depth) + "}" : "{…}";
  }
  const type = [].concat(schema.type || "any").join(" or ");
  return schema.format ? type + " (" + schema.format + ")" : type;
}

function bodyExample(schema) {
  const example = {};
  for (const [name, s] of Object.entries(schema.properties || {}))
    if (s.examples && (schema.required || []).includes(name))
      example[name] = s.examples[0];
  return JSON.stringify(example, null, 2);
}

function bodySchema(operation) {
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  return content && content.schema;
}

function parameterRow(p, input) {
  const name = make("td", {}, make("code", {}, p.name));
  if (p.required)
    name.append(make("span", { class: "needed", title: "needed" }, " *"));
  return make("tr", {}, name, make("td", {}, input),
    make("td", { class: "help" }, p.description || ""));
}

function credentials() {
  const text = byId("user").value + ":" + byId("password").value;
  return "Basic " + btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

async function send(method, path, operation, inputs, body, out) {
  const query = new URLSearchParams();
  for (const [p, input] of inputs) {
    if (p.in === "path")
      path = path.replace("{" + p.name + "}", encodeURIComponent(input.value));
    else if (input.value !== "")
      query.set(p.name, input.value);
  }
  const url = path.slice(1) + (query.size ? "?" + query : "");
  const options = { method: method.toUpperCase(), headers: { Accept: "application/json" }, credentials: "omit" };
  if (byId("password").value)
    options.headers.Authorization = credentials();
  if (body && body.value.trim() !== "") {
    options.body = body.value;
    options.headers["Content-Type"] = "application/json";
  }
  out.replaceChildren("…");
  try {
    const begun = performance.now();
    const answer = await fetch(url || ".", options);
    let text = await answer.text();
    try {
      text = JSON.stringify(JSON.parse(text), null, 2);
    } catch { /* no JSON: shown as it is */ }
    out.replaceChildren(
      make("p", { class: answer.ok ? "good" : "bad" },
        answer.status + " " + answer.statusText + " in " + Math.round(performance.now() - begun) + " ms"),
      make("pre", {}, text));
  } catch (error) {
    out.replaceChildren(make("p", { class: "bad" }, "no answer: " + error.message));
  }
}

function fill(inside, method, path, operation) {
  const inputs = [];
  const table = make("table", {});
  for (const p of operation.parameters || []) {
    const input = make("input", { "aria-label": p.name, placeholder: p.example === undefined ? "" : String(p.example) });
    inputs.push([p, input]);
    table.append(parameterRow(p, input));
  }
  if (inputs.length)
    inside.append(table);
  const schema = bodySchema(operation);
  let body = null;
  if (schema) {
    body = make("textarea", { "aria-label": "body", spellcheck: "false" });
    body.value = bodyExample(schema);
    inside.append(make("p", {}, "Body"), body);
    for (const [name, s] of Object.entries(schema.properties || {}))
      inside.append(make("p", { class: "help" }, make("code", {}, name), " " + (s.description || "")));
  }
  const out = make("div", { class: "answer" });
  const button = make("button", { type: "button", class: method === "get" ? "" : "change" }, "Send");
  button.addEventListener("click", () => send(method, path, operation, inputs, body, out));
  inside.append(make("p", {}, button), out, make("p", {}, "Answers"));
  for (const [status, answer] of Object.entries(operation.responses)) {
    const content = answer.content && answer.content["application/json"];
    inside.append(make("p", { class: "help" }, make("code", {}, status), " " + answer.description));
    if (status === "200" && content)
      inside.append(make("pre", {}, shape(content.schema)));
  }
}

function card(method, path, operation) {
  const inside = make("div", { class: "inside" });
  const node = make("details", { id: operation.operationId, "data-words": (method + " " + path + " " + operation.summary).toLowerCase() },
    make("summary", {}, make("span", { class: "method " + method }, method.toUpperCase()),
      make("code", {}, path), make("span", { class: "help" }, operation.summary)), inside);
  node.addEventListener("toggle", () => {
    if (node.open && !inside.hasChildNodes())
      fill(inside, method, path, operation);
  });
  return node;
}

function show() {
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!groups.has(tag))
        groups.set(tag, make("section", {}, make("h2", {}, tag)));
      groups.get(tag).append(card(method, path, operation));
    }
  }
  byId("list").replaceChildren(...groups.values());
  byId("title").textContent = api.info.title + " API " + api.info.version;
  byId("about").textContent = api.info.description;
}

byId("login").addEventListener("submit", (event) => event.preventDefault());
byId("find").addEventListener("input", () => {
  const word = byId("find").value.toLowerCase();
  for (const node of document.querySelectorAll("details"))
    node.hidden = !node.dataset.words.includes(word);
});
fetch("openapi.json").then((answer) => answer.json()).then((document_) => {
  api = document_;
  show();
}).catch((error) => {
  byId("about").textContent = "openapi.json cannot be read: " + error.message;
});
