// Draws the OpenAPI document of this server. No library: the document is small and of one shape.
"use strict";

const make = (tag, attributes = {}, ...children) => {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
};

let doc;

const resolve = (s) => (s && s.$ref ? doc.components.schemas[s.$ref.split("/").pop()] : s) || {};

const typeOf = (s) => {
  if (!s) return "";
  if (s.$ref) return s.$ref.split("/").pop();
  if (s.oneOf) return s.oneOf.map(typeOf).join(" or ");
  const type = [].concat(s.type || "any").join(" or ");
  if (s.items) return "list of " + typeOf(s.items);
  return s.format && s.format !== "int64" ? `${type} (${s.format})` : type;
};

const limits = (s) => {
  const enumeration = s.enum || (s.items && s.items.enum);
  return [
    s.description,
    enumeration && "one of " + enumeration.join(", "),
    s.minimum !== undefined && "at least " + s.minimum,
    s.maximum !== undefined && "at most " + s.maximum,
    s.maxLength !== undefined && `at most ${s.maxLength} characters`,
    s.maxItems !== undefined && `at most ${s.maxItems} items`,
    s.default !== undefined && "default " + JSON.stringify(s.default),
  ].filter(Boolean).join("; ");
};

const table = (head, rows) =>
  make("table", {}, make("thead", {}, make("tr", {}, ...head.map((h) => make("th", {}, h)))),
    make("tbody", {}, ...rows.map((r) => make("tr", {}, ...r.map((c) => make("td", {}, c))))));

// fields lists an object's properties, those of objects inside it too.
const fields = (schema, prefix = "", depth = 0) => {
  const s = resolve(schema);
  const rows = [];
  for (const [name, property] of Object.entries(s.properties || {})) {
    const optional = !(s.required || []).includes(name);
    rows.push([make("code", {}, prefix + name), typeOf(property) + (optional ? ", optional" : ""), limits({ ...resolve(property), ...property })]);
    const inner = property.items || (property.oneOf && property.oneOf[0]) || property;
    if (depth < 3 && resolve(inner).properties) rows.push(...fields(inner, prefix + name + (property.items ? "[]." : "."), depth + 1));
  }
  return rows;
};

const example = (schema, depth = 0) => {
  const s = resolve(schema);
  if (s.examples) return s.examples[0];
  if (s.enum) return s.enum[0];
  if (s.oneOf) return example(s.oneOf[0], depth);
  switch ([].concat(s.type)[0]) {
    case "object":
      return depth > 4 ? {} : Object.fromEntries(Object.entries(s.properties || {})
        .filter(([name]) => (s.required || []).includes(name)).map(([name, p]) => [name, example(p, depth + 1)]));
    case "array": return [example(s.items, depth + 1)];
    case "integer": return s.minimum || 1;
    case "boolean": return false;
    case "string": return s.format === "date-time" ? "2026-04-29T00:00:00+08:00" : "…";
  }
  return null;
};

const body = (content) => {
  const parts = [];
  for (const [type, media] of Object.entries(content || {})) {
    if (!media.schema) continue;
    const rows = fields(media.schema);
    parts.push(make("p", { class: "note" }, type + " · " + typeOf(media.schema)));
    if (rows.length) parts.push(table(["Field", "Type", ""], rows));
  }
  return parts;
};

const operation = (path, verb, op) => {
  const s = make("section", { id: op.operationId },
    make("h3", {}, make("span", { class: "verb" }, verb.toUpperCase()), make("span", { class: "path" }, path)),
    make("p", {}, op.summary || ""));
  if (op.description) s.append(...op.description.split("\n\n").map((t) => make("p", { class: "note" }, t)));
  if (op.parameters) {
    s.append(make("h4", {}, "Parameters"), table(["Name", "In", "Type", ""], op.parameters.map((p) =>
      [make("code", {}, p.name), p.in + (p.required ? ", required" : ""), typeOf(p.schema), limits(p.schema || {})])));
  }
  const json = op.requestBody && op.requestBody.content["application/json"];
  if (op.requestBody) s.append(make("h4", {}, "Body"), ...body(op.requestBody.content));
  const curl = ["curl"];
  if (verb !== "get") curl.push("-X " + verb.toUpperCase());
  if ((op.security || [{}])[0] && (op.security || [1]).length) curl.push('-H "Authorization: Bearer $TOKEN"');
  if ((op.parameters || []).some((p) => p.name === "Idempotency-Key")) curl.push('-H "Idempotency-Key: my-key-1"');
  if (json) curl.push('-H "Content-Type: application/json"', "-d '" + JSON.stringify(example(json.schema)) + "'");
  curl.push('"' + location.origin + path + '"');
  s.append(make("pre", {}, make("code", {}, curl.join(" \\\n  "))));
  for (const [status, answer] of Object.entries(op.responses || {})) {
    if (status === "default") continue;
    s.append(make("h4", {}, "Answer " + status + (answer.description ? " · " + answer.description : "")), ...body(answer.content));
  }
  return s;
};

const draw = () => {
  const nav = document.getElementById("nav"), main = document.getElementById("main");
  nav.append(make("a", { href: "/" }, "taocan " + doc.info.version), make("a", { href: "#errors" }, "Errors"));
  main.append(...doc.info.description.split("\n\n").map((t) => make("p", {}, t)),
    make("p", {}, make("a", { href: "/openapi.json" }, "openapi.json"), " · ", make("a", { href: "/openapi.yaml" }, "openapi.yaml")));
  for (const tag of doc.tags) {
    nav.append(make("h2", {}, tag.name));
    main.append(make("h2", {}, tag.name), make("p", { class: "note" }, tag.description || ""));
    for (const [path, item] of Object.entries(doc.paths)) {
      for (const [verb, op] of Object.entries(item)) {
        if (!(op.tags || []).includes(tag.name)) continue;
        nav.append(make("a", { href: "#" + op.operationId }, op.summary));
        main.append(operation(path, verb, op));
      }
    }
  }
  main.append(make("h2", { id: "errors" }, "Errors"), make("p", {}, "Every error is application/problem+json (RFC 9457); look at code."),
    table(["Code", "Status", "When", "Adds"], doc["x-error-codes"].map((e) =>
      [make("code", { id: "error-" + e.code }, e.code), String(e.status), e.when, e.extra || ""])));
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
};

fetch("/openapi.json").then((r) => r.json()).then((d) => { doc = d; draw(); })
  .catch((e) => document.getElementById("main").append(make("p", {}, "The document could not be read: " + e)));
