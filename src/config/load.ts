/**
 * From the text of a configuration file to a {@linkcode Configuration}, or to all that is wrong with
 * it: first what TOML does not allow, then what the schema does not, then what does not go together.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { parse, TomlError } from "smol-toml";
import type * as z from "zod";
import { type Beside, besideFile, listenBeside, secretBeside, urlBeside } from "./beside.ts";
import type {
  AdminSource,
  Configuration,
  ListenerSource,
  PlainOptions,
  ServerSource,
  TableSource,
  TlsSource,
  UpstreamSource,
} from "./configuration.ts";
import { defaultLog } from "./defaults.ts";
import type { FilterSource } from "./filter_row.ts";
import { ConfigurationError, type Mistake, shown } from "./mistake.ts";
import { type KeyPath, Places, printPath } from "./places.ts";
import { configurationSchema, type Document, type WrittenUrl } from "./schema.ts";
import { printAddress } from "./units.ts";
import { allowedBy } from "./values.ts";

/** Longest file in UTF-16 code units. */
const MAX_LENGTH = 16_777_216;

/** Milliseconds for which a copy of an endpoint's lines is used. */
const REFRESH = 300_000;

/** A check that failed or took too long, with `on-failure = "reject"`. */
const REJECTED = "550 5.7.0 Cannot be checked";

/**
 * Reads a configuration file, and the one that it names as its shadow.
 *
 * @param file Its path, for messages and as what paths in it are relative to.
 * @param read Gives the text of a file; what it throws is a mistake.
 * @throws {ConfigurationError} With all mistakes.
 */
export async function loadConfiguration(
  file: string,
  read: (path: string) => Promise<string>,
): Promise<Configuration> {
  const { shadow, ...configuration } = parseConfiguration(file, await textOf(file, read));
  if (shadow === undefined) return { ...configuration, shadow };
  const second = parseConfiguration(shadow, await textOf(shadow, read));
  if (second.shadow !== undefined) {
    const found = shown(second.shadow);
    throw new ConfigurationError([second.mistake(["shadow"], found, "no shadow of a shadow")]);
  }
  return { ...configuration, shadow: { ...second, shadow: undefined } };
}

async function textOf(file: string, read: (path: string) => Promise<string>): Promise<string> {
  try {
    return await read(file);
  } catch (error) {
    const found = messageOf(error);
    throw new ConfigurationError([{ key: file, found, allowed: "a file that can be read" }]);
  }
}

/** A configuration whose shadow has not been read yet. */
type Parsed = Omit<Configuration, "shadow"> & { readonly shadow: string | undefined };

function parseConfiguration(file: string, text: string): Parsed {
  if (text.length > MAX_LENGTH) {
    const found = `${text.length} characters`;
    throw new ConfigurationError([{ key: file, found, allowed: `at most ${MAX_LENGTH}` }]);
  }
  const raw = parseToml(file, text);
  const places = new Places(text);
  const mistake = (path: KeyPath, found: string, allowed: string): Mistake => {
    const { line, column } = places.of(path);
    return { where: `${file}:${line}:${column}`, key: printPath(path), found, allowed };
  };
  const refuse = (findings: readonly Finding[]): never => {
    const inOrder = findings.map((finding) => ({ finding, place: places.of(finding[0]) }))
      .toSorted((one, other) =>
        one.place.line - other.place.line || one.place.column - other.place.column
      );
    throw new ConfigurationError(inOrder.map(({ finding }) => mistake(...finding)));
  };
  const result = configurationSchema.safeParse(raw, { error: allowedBy });
  if (!result.success) {
    return refuse(result.error.issues.flatMap((issue) => findingsOf(issue, raw)));
  }
  const contradictions = contradictionsIn(result.data);
  if (contradictions.length > 0) return refuse(contradictions);
  return configurationOf(file, result.data, mistake);
}

function parseToml(file: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column, message } = error;
    const found = message.split("\n")[0].replace(/^Invalid TOML document: /, "");
    const where = `${file}:${line}:${column}`;
    throw new ConfigurationError([{
      where,
      key: "TOML",
      found,
      allowed: "a document of TOML 1.1",
    }]);
  }
}

type MistakeMaker = Configuration["mistake"];

/** What is told of one mistake. */
type Finding = Parameters<MistakeMaker>;

function findingsOf(issue: z.core.$ZodIssue, raw: unknown): readonly Finding[] {
  const path = issue.path.map((key) => typeof key === "number" ? key : String(key));
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => [[...path, key], "an unknown key", issue.message]);
    case "invalid_key":
      return issue.issues.map(({ message }) => [path, shown(path.at(-1)), message]);
    case "custom":
      if (issue.params?.said !== undefined) {
        return [[path, String(issue.params.said), issue.message]];
      }
      return [[path, shown(issue.params?.found ?? valueAt(raw, path)), issue.message]];
    default:
      return [[path, shown(valueAt(raw, path)), issue.message]];
  }
}

function valueAt(raw: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key],
    raw,
  );
}

/** What the schema takes and the whole does not. */
function contradictionsIn(document: Document): readonly Finding[] {
  const found: Finding[] = [];
  const { listen = [], tls = {}, upstream = {}, upstreams = {} } = document;
  for (const [nth, { address, protocol }] of listen.entries()) {
    // RFC 2033 §5
    if (protocol === "lmtp" && address.transport === "tcp" && address.port === 25) {
      found.push([["listen", nth, "protocol"], shown(protocol), "smtp on port 25"]);
    }
  }
  const withCertificates = "only together with tls.certificates";
  if ((tls.certificates ?? []).length === 0) {
    for (const [nth, { tls }] of listen.entries()) {
      if (tls !== undefined) {
        found.push([["listen", nth, "tls"], shown(tls), withCertificates]);
      }
    }
    if (tls.required) found.push([["tls", "required"], "true", withCertificates]);
    const authorities = tls["client-authorities"];
    if (authorities !== undefined) {
      found.push([["tls", "client-authorities"], shown(authorities), withCertificates]);
    }
  }
  const addresses = listen.map(({ address }) => printAddress(address));
  for (const [nth, address] of addresses.entries()) {
    if (addresses.indexOf(address) < nth && !address.endsWith(":0")) {
      found.push([["listen", nth, "address"], `${shown(address)} again`, "each address once"]);
    }
  }
  found.push(...contradictionsInUpstream(["upstream"], upstream));
  for (const [name, row] of Object.entries(upstreams)) {
    if (row.url === undefined && row.servers === undefined) {
      found.push([["upstreams", name, "url"], "nothing", "the URL of an upstream"]);
    }
    found.push(...contradictionsInUpstream(["upstreams", name], row));
  }
  if ("default" in upstreams) {
    const allowed = "any other name: this one is upstream's";
    found.push([["upstreams", "default"], shown("default"), allowed]);
  }
  const { listen: adminAt, ...adminRest } = document.admin ?? {};
  if (adminAt?.transport === "unix") {
    found.push([["admin", "listen"], shown(printAddress(adminAt)), "host:port or [ipv6]:port"]);
  }
  for (const key of adminAt === undefined ? Object.keys(adminRest) : []) {
    found.push([["admin", key], "no listen", "only together with admin.listen"]);
  }
  const names = (document.filter ?? []).map(({ name }) => name);
  for (const [nth, name] of names.entries()) {
    if (names.indexOf(name) < nth) {
      found.push([["filter", nth, "name"], `${shown(name)} again`, "a name of its own"]);
    }
  }
  const addressesKept = document["record-addresses"];
  if (addressesKept !== undefined && document.record === undefined) {
    const allowed = "only together with record";
    found.push([["record-addresses"], shown(addressesKept), allowed]);
  }
  return found;
}

function contradictionsInUpstream(path: KeyPath, row: UpstreamRow): readonly Finding[] {
  const { url, servers } = row;
  if (url !== undefined && servers !== undefined) {
    return [[[...path, "servers"], "both url and servers", "one of them"]];
  }
  if (servers !== undefined || url?.url.kind === "discovered") return [];
  const allowed = "only together with servers, or a url of smtp+mx or smtp+srv";
  return (["balance", "probe"] as const).filter((key) => row[key] !== undefined)
    .map((key): Finding => [[...path, key], shown(row[key]), allowed]);
}

function configurationOf(file: string, document: Document, mistake: MistakeMaker): Parsed {
  const { record, shadow, tables = {}, rule = [], upstream = {}, upstreams = {} } = document;
  const beside = besideFile(file);
  const source = (path: KeyPath, written: UpstreamRow): UpstreamSource =>
    upstreamOf(path, written, beside);
  return {
    file,
    options: optionsOf(document),
    lookupNames: document["lookup-names"] ?? false,
    listeners: listenersOf(document, beside),
    upstream: source(["upstream"], upstream),
    upstreams: new Map(
      Object.entries(upstreams).map(([name, row]) => [name, source(["upstreams", name], row)]),
    ),
    tls: tlsOf(document, beside),
    tables: new Map(
      Object.entries(tables).map(([name, { file, url = "", refresh = REFRESH }]): [
        string,
        TableSource,
      ] => [
        name,
        file === undefined ? { kind: "url", url, refresh } : { kind: "file", file: beside(file) },
      ]),
    ),
    rules: rule,
    filters: (document.filter ?? []).map((filter) => filterBeside(filter, beside)),
    quarantine: document.quarantine && beside(document.quarantine.directory),
    module: document.policy?.module === undefined ? undefined : beside(document.policy.module),
    shadow: shadow === undefined ? undefined : beside(shadow),
    record: record === undefined
      ? undefined
      : { file: beside(record), addresses: document["record-addresses"] ?? "plain" },
    admin: adminOf(document, beside),
    log: { ...defaultLog, ...document.log },
    workers: document.workers ?? 1,
    mistake,
  };
}

function adminOf(
  { admin = {} }: Document,
  beside: Beside,
): AdminSource | undefined {
  const { listen, "operator-token": operator, "reader-token": reader } = admin;
  if (listen?.transport !== "tcp") return undefined;
  const secret = (where: string | undefined): string | undefined =>
    where && secretBeside(where, beside);
  const at = (key: string): KeyPath => ["admin", key];
  return {
    at: listen,
    tokens: given({ operator: secret(operator), reader: secret(reader) }),
    hosts: admin.hosts ?? [],
    addresses: admin.addresses ?? "plain",
    paths: {
      listen: at("listen"),
      operator: at("operator-token"),
      reader: at("reader-token"),
      hosts: at("hosts"),
    },
  };
}

/** A filter whose paths are relative to the file. */
function filterBeside(filter: FilterSource, beside: Beside): FilterSource {
  return {
    ...filter,
    make: (environment) =>
      filter.make({
        ...environment,
        secret: (where) => environment.secret(secretBeside(where, beside)),
        file: (path) => environment.file(beside(path)),
        beside,
      }),
  };
}

/** Options keep their names but for the case: `bare-newline` is `bareNewline`. */
function optionsOf(document: Document): PlainOptions {
  const { auth = {}, limits = {}, timeouts = {}, tls = {}, policy = {} } = document;
  const { "message-size": messageSize, ...counts } = limits;
  const { "proxy-header": proxyHeader, ...waits } = timeouts;
  return given({
    hostname: document.hostname,
    trusted: document.trusted,
    bareNewline: document["bare-newline"],
    trace: document.trace,
    keepSourceRoutes: document["keep-source-routes"],
    eagerMail: document["eager-mail"],
    verify: document.verify,
    tlsRequired: tls.required,
    auth: auth.mode,
    authWithoutTls: auth["without-tls"],
    policyTimeLimit: policy["time-limit"],
    window: document.content?.window,
    policyFailure: policy["on-failure"] === "reject" ? REJECTED : undefined,
    limits: given({ messageSize, ...counts }),
    timeouts: given({ proxyHeader, ...waits }),
  });
}

/** What is there; the proxy's own options have the defaults. */
function given<T extends object>(options: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}

function listenersOf(
  { listen = [] }: Document,
  beside: Beside,
): readonly ListenerSource[] {
  if (listen.length === 0) {
    const at = { transport: "tcp", host: "127.0.0.1", port: 2525 } as const;
    return [{ at, options: {}, path: ["listen"] }];
  }
  return listen.map(({ address, protocol, tls, proxy, xclient = [], xforward = [] }, nth) => ({
    at: listenBeside(address, beside),
    options: {
      ...(protocol === undefined ? {} : { protocol }),
      implicitTls: tls === "implicit",
      ...(proxy === undefined ? {} : { proxyFrom: proxy }),
      xclientFrom: xclient,
      xforwardFrom: xforward,
    },
    path: ["listen", nth, "address"],
  }));
}

function tlsOf(
  { tls = {} }: Document,
  beside: Beside,
): TlsSource | undefined {
  const { certificates = [], "client-authorities": authorities } = tls;
  if (certificates.length === 0) return undefined;
  return {
    certificates: certificates.map(({ cert, key }) => ({ cert: beside(cert), key: beside(key) })),
    ...(authorities === undefined ? {} : { authorities: beside(authorities) }),
    paths: { certificates: ["tls", "certificates"], authorities: ["tls", "client-authorities"] },
  };
}

type UpstreamRow = NonNullable<Document["upstreams"]>[string];

const MEMORY: WrittenUrl = { text: "capture:", url: { kind: "capture", directory: undefined } };

function upstreamOf(
  path: KeyPath,
  { url, servers, pool, secret, ...row }: UpstreamRow,
  beside: Beside,
): UpstreamSource {
  const rest = {
    ...row,
    ...pool !== undefined && { pool: poolOf(pool) },
    ...secret !== undefined && { secret: secretBeside(secret, beside) },
  };
  const server = ({ text, url }: WrittenUrl, path: KeyPath): ServerSource => ({
    name: text,
    url: urlBeside(url, beside),
    path: [...path, "url"],
  });
  if (servers === undefined) {
    return { servers: [server(url ?? MEMORY, path)], ...rest, path: [...path, "url"] };
  }
  return {
    servers: servers.map(({ url, ...share }, nth) => ({
      ...server(url, [...path, "servers", nth]),
      ...share,
    })),
    ...rest,
    path: [...path, "servers"],
  };
}

function poolOf(row: NonNullable<UpstreamRow["pool"]>): UpstreamSource["pool"] {
  if (row === false) return false;
  const { "idle-time": idleTime, ...others } = row;
  return given({ idleTime, ...others });
}
