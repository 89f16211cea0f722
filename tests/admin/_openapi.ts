/**
 * A description of an API, and whether answers are as it says: strictly, so that what it does not
 * name is a mistake.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";

/** A schema as OpenAPI 3.1 has it, as far as it is used here. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly additionalProperties?: boolean;
}

interface Content {
  readonly schema: Schema;
}

/** One method of one path. */
export interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, ApiResponse>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface ApiResponse {
  readonly description: string;
  readonly content: Readonly<Record<string, Content>>;
}

/** The whole of it. */
export interface Description {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly parameters: Readonly<Record<string, unknown>>;
    readonly securitySchemes: Readonly<Record<string, { readonly type: string }>>;
  };
}

/** Every operation, as `GET /api/stats`. */
export function operationsOf({ paths }: Description): Map<string, Operation> {
  return new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) =>
        [`${method.toUpperCase()} ${path}`, operation] as const
      )
    ),
  );
}

/** Keywords of schemas that {@linkcode mistakes} obeys, and those that constrain nothing. */
const KEYWORDS: ReadonlySet<string> = new Set([
  ...["$ref", "type", "properties", "required", "items", "enum", "const", "anyOf", "pattern"],
  ...["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"],
  ...["format", "default", "description", "additionalProperties"],
]);

const typeOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : typeof value;

/** What of a value is not as a schema says, each with its place. */
export function mistakes(
  description: Description,
  schema: Schema,
  value: unknown,
  at = "answer",
): string[] {
  for (const keyword of Object.keys(schema)) {
    if (!KEYWORDS.has(keyword)) throw new Error(`No meaning for the keyword ${keyword} at ${at}`);
  }
  if (schema.$ref !== undefined) {
    return mistakes(description, resolve(description, schema.$ref), value, at);
  }
  if (schema.anyOf !== undefined) {
    const each = schema.anyOf.map((one) => mistakes(description, one, value, at));
    return each.some(({ length }) => length === 0) ? [] : each.flat();
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at}: ${value}`];
  if ("const" in schema && schema.const !== value) return [`${at}: ${value}`];
  const types = schema.type === undefined ? [] : [schema.type].flat();
  const type = typeOf(value);
  const whole = type === "number" && Number.isInteger(value) && types.includes("integer");
  if (types.length > 0 && !types.includes(type) && !whole) return [`${at}: is ${type}`];
  if (type === "number") return numberMistakes(schema, value as number, at);
  if (type === "string") {
    const fits = new RegExp(schema.pattern ?? "", "u").test(value as string);
    return fits ? [] : [`${at}: ${value}`];
  }
  if (type === "array") {
    return (value as unknown[]).flatMap((one, nth) =>
      mistakes(description, schema.items!, one, `${at}[${nth}]`)
    );
  }
  return type === "object" ? memberMistakes(description, schema, value as object, at) : [];
}

function numberMistakes({ minimum, maximum }: Schema, value: number, at: string): string[] {
  const fits = value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);
  return fits ? [] : [`${at}: ${value}`];
}

function memberMistakes(
  description: Description,
  { properties = {}, required = [] }: Schema,
  value: object,
  at: string,
): string[] {
  const missing = required.filter((key) => !Object.hasOwn(value, key));
  return [
    ...missing.map((key) => `${at}.${key}: missing`),
    ...Object.entries(value).flatMap(([key, member]) =>
      Object.hasOwn(properties, key)
        ? mistakes(description, properties[key], member, `${at}.${key}`)
        : [`${at}.${key}: unknown`]
    ),
  ];
}

function resolve({ components }: Description, reference: string): Schema {
  const name = /^#\/components\/schemas\/([A-Za-z0-9._-]+)$/.exec(reference)?.[1];
  assert(name !== undefined && Object.hasOwn(components.schemas, name), reference);
  return components.schemas[name];
}

/** Asserts that a value is as described, and that nothing is in it that is not. */
export function assertDescribed(
  description: Description,
  name: string,
  status: number,
  type: string,
  value: unknown,
): void {
  const operation = operationsOf(description).get(name);
  assert(operation !== undefined, `${name} is not described`);
  const response = operation.responses[status];
  assert(response !== undefined, `${name} ${status} is not described`);
  const media = type.split(";")[0];
  assert(Object.hasOwn(response.content, media), `${name} ${status} ${media} is not described`);
  assertEquals(mistakes(description, response.content[media].schema, value), [], name);
}

/**
 * Asserts that a description is one: OpenAPI 3.1.0 §4.8, as far as it can be said without the
 * whole of JSON Schema.
 */
export function assertOpenApi(description: Description): void {
  assertEquals(description.openapi, "3.1.0");
  assertKeys(description, [
    "openapi",
    "info",
    "servers",
    "security",
    "paths",
    "components",
    "webhooks",
  ]);
  assertKeys(description.info, ["title", "version", "description"]);
  const schemes = Object.keys(description.components.securitySchemes);
  for (const requirement of description.security) {
    for (const scheme of Object.keys(requirement)) assert(schemes.includes(scheme), scheme);
  }
  for (const [name, schema] of Object.entries(description.components.schemas)) {
    assert(/^[A-Za-z0-9._-]+$/.test(name), name);
    assertSchema(description, schema, name);
  }
  const templates = Object.keys(description.paths).map((path) => path.replaceAll(/{[^}]+}/g, "{}"));
  assertEquals(new Set(templates).size, templates.length, "paths that are the same");
  for (const [name, operation] of operationsOf(description)) {
    assertOperation(description, name, operation);
  }
}

function assertOperation(description: Description, name: string, operation: Operation): void {
  const [method, path] = name.split(" ");
  assert(["GET", "POST", "DELETE"].includes(method), name);
  assert(path.startsWith("/"), name);
  assertKeys(operation, ["summary", "description", "parameters", "requestBody", "responses"]);
  const { summary, description: more = summary } = operation;
  assert(summary.endsWith(".") && more.endsWith("."), name);
  const parameters = operation.parameters ?? [];
  const inPath = parameters.filter((one) => one.in === "path").map((one) => one.name);
  assertEquals(inPath, [...path.matchAll(/{([^}]+)}/g)].map(([, one]) => one), name);
  const keys = parameters.map((one) => `${one.in} ${one.name}`);
  assertEquals(new Set(keys).size, keys.length, name);
  for (const { in: place, required, schema } of parameters) {
    assert(place === "query" || (place === "path" && required === true), name);
    assertSchema(description, schema, name);
  }
  const responses = Object.entries(operation.responses);
  assert(responses.some(([status]) => status.startsWith("2")), name);
  for (const [status, { description: words, content }] of responses) {
    assert(/^[2-5][0-9]{2}$/.test(status), `${name} ${status}`);
    assert(words.endsWith("."), `${name} ${status}`);
    assertContent(description, content, `${name} ${status}`);
    if (Number(status) < 400 || status === "503" && path === "/readyz") continue;
    const error = content["application/json"].schema;
    assertEquals(error, { $ref: "#/components/schemas/Error" }, `${name} ${status}`);
  }
  if (operation.requestBody !== undefined) {
    assertContent(description, operation.requestBody.content, name);
  }
}

function assertContent(
  description: Description,
  content: Readonly<Record<string, Content>>,
  at: string,
): void {
  assert(Object.keys(content).length > 0, at);
  for (const [media, { schema }] of Object.entries(content)) {
    assert(/^[a-z]+\/[a-z.-]+$/.test(media), `${at} ${media}`);
    assertSchema(description, schema, at);
  }
}

function assertSchema(description: Description, schema: Schema, at: string): void {
  assertKeys(schema, [...KEYWORDS], at);
  if (schema.$ref !== undefined) resolve(description, schema.$ref);
  for (const key of schema.required ?? []) assert(schema.properties?.[key], `${at}.${key}`);
  const { properties = {}, items, anyOf = [] } = schema;
  const inner = [...Object.values(properties), ...anyOf, ...items === undefined ? [] : [items]];
  for (const one of inner) assertSchema(description, one, at);
}

function assertKeys(value: object, allowed: readonly string[], at = "description"): void {
  assertEquals(Object.keys(value).filter((key) => !allowed.includes(key)), [], at);
}
