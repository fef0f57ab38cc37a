/* The reference of the API at /docs: /openapi.json, made readable. */

import { byId, el } from "./dom.js";
import { failure } from "./notice.js";

const api = await described();
const schemas = api.components.schemas;

async function described() {
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`/openapi.json: ${answer.status}`);
    return await answer.json();
  } catch (error) {
    const text = "The server gave no answer, or none that is whole.";
    byId("about").append(failure("The reference did not arrive", text, "Try again", () => location.reload()));
    throw error;
  }
}

function showTag(tag) {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.tags.includes(tag.name))
      .map(([method, operation]) => ({ method: method.toUpperCase(), path, ...operation })),
  );
  list(tag.name, operations.map(({ operationId }) => [operationId, operationId]));
  byId("sections").append(
    el("h2", {}, capital(tag.name)),
    ...paragraphs(tag.description),
    ...operations.map(operationSection),
  );
}

function showSchemas() {
  const names = Object.keys(schemas);
  list("Schemas", names.map((name) => [`schema-${name}`, name]));
  byId("sections").append(el("h2", {}, "Schemas"), ...names.map(schemaSection));
}

function list(title, entries) {
  const links = entries.map(([id, text]) => el("a", { href: `#${id}` }, text));
  byId("contents").append(el("p", { class: "eyebrow" }, title), ...links);
}

function operationSection({ method, path, operationId, summary, description, ...operation }) {
  const { parameters = [], requestBody, responses } = operation;
  return el(
    "section",
    { "aria-labelledby": operationId },
    el("h3", { id: operationId }, summary),
    el("code", { class: "route" }, el("strong", {}, method), ` ${path}`),
    ...paragraphs(description),
    parameters.length > 0 && el("h4", {}, "Parameters"),
    parameters.length > 0 && fields(parameters.map(parameterRow)),
    requestBody && el("h4", {}, "Body"),
    ...contents(requestBody?.content),
    ...Object.entries(responses).filter(([status]) => status < "400").flatMap(answer),
    el("p", {}, `Problems: ${problems(responses)}`),
  );
}

const parameterRow = ({ name, required, schema, description, ...rest }) =>
  [`${name} (${rest.in})`, required, schema, description];

const problems = (responses) =>
  Object.entries(responses)
    .filter(([status]) => status >= "400" && status < "600")
    .map(([status, { description }]) => `${status} ${description}`)
    .join(", ") || "none of its own";

function answer([status, { description, content }]) {
  return [el("h4", {}, `Answer ${status}: ${description}`), ...contents(content)];
}

function contents(content = {}) {
  return Object.entries(content).flatMap(([kind, { schema, examples = {} }]) => [
    el("p", {}, el("code", {}, kind), " ", typeOf(schema ?? {})),
    ...Object.values(examples).map(({ value }) =>
      el("details", {}, el("summary", {}, "Example"), el("pre", {}, JSON.stringify(value, null, 2))),
    ),
  ]);
}

function schemaSection(name) {
  const { description, properties = {}, required = [], ...schema } = schemas[name];
  const rows = Object.entries(properties).map(([field, each]) =>
    [field, required.includes(field), each, each.description]);
  return el(
    "section",
    { "aria-labelledby": `schema-${name}` },
    el("h3", { id: `schema-${name}` }, name),
    ...paragraphs(description),
    rows.length > 0 ? fields(rows) : el("p", {}, typeOf(schema)),
  );
}

function fields(rows) {
  const lines = rows.map(([name, required, schema, description]) =>
    el(
      "tr",
      {},
      el("td", {}, el("code", {}, name), required && el("span", { class: "fields-needed" }, " required")),
      el("td", {}, typeOf(schema)),
      el("td", {}, description ?? ""),
    ),
  );
  return el("table", { class: "fields" }, el("tbody", {}, ...lines));
}

/** A schema in a few words; a name is a link to its own section. */
function typeOf(schema) {
  const line = el("span");
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    line.append(el("a", { href: `#schema-${name}` }, name));
  } else if (schema.anyOf ?? schema.oneOf) {
    (schema.anyOf ?? schema.oneOf).forEach((each, n) => line.append(n ? " or " : "", typeOf(each)));
  } else if (schema.type === "array") {
    line.append("list of ", typeOf(schema.items ?? {}));
  } else if (schema.enum) {
    line.append(schema.enum.join(" or "));
  } else {
    line.append([schema.const ?? schema.type ?? "anything"].flat().join(" or "));
  }
  return line;
}

function paragraphs(text = "") {
  return text.split("\n\n").filter(Boolean).map((each) => el("p", {}, ...marked(each)));
}

/** What stands between backticks as code. */
const marked = (text) =>
  text.split("`").map((part, n) => (n % 2 ? el("code", {}, part) : part));

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

byId("about").append(...paragraphs(api.info.description));
for (const tag of api.tags) showTag(tag);
showSchemas();
if (location.hash) byId(location.hash.slice(1)).scrollIntoView();
