/**
 * The schema of the configuration file: which keys there are, what each may hold and what it means.
 * `deno task schema --write` writes it for editors.
 *
 * @module
 */

import * as z from "zod";
import { defaultLimits, defaultTimeouts, resolveOptions } from "../options.ts";
import { defaultPool } from "../upstream/smtp/pool.ts";
import { parseUpstreamUrl, type UpstreamUrl } from "../upstream/url.ts";
import { filterSchema } from "./filters.ts";
import { ruleSchema } from "./rule_schema.ts";
import {
  listenForm,
  networkForm,
  parseAddress,
  parseDuration,
  parseIdentify,
  parseListen,
  parseNetwork,
  parseSize,
} from "./units.ts";
import { checked, count, measure, type Piece, text, written } from "./values.ts";

const ADMIN_ADDRESS = "host:port or [ipv6]:port";
const SECRET = "the path of a file, or env:NAME";
const IDENTIFY = "none, xforward, xclient, proxy, proxy-v1, proxy-v2";
const DURATION = "seconds, or a time as 30s, 5m, 1h, of at least 1s";
const SIZE = "octets as 1000, 64k, 50m or 1g";
const PRIORITY = "a whole number of at least 0";
const NAME = "a name of letters, digits, - and _ that begins with a letter";

const network = written(networkForm, (text) => parseNetwork(text, ""));
const networks = z.array(network, { error: "an array of IP addresses and address/bits" });
const duration = (milliseconds: number) =>
  measure(DURATION, (text) => parseDuration(text, "")).optional()
    .describe(`Seconds, or as 30s, 5m, 1h. Default ${milliseconds / 1000}s.`);
const file = text("the path of a file");
const name = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, { error: NAME });

/** An upstream's URL, read, with its text for logs. */
export interface WrittenUrl {
  /** As it was written. */
  readonly text: string;
  /** What it says. */
  readonly url: UpstreamUrl;
}

const url: Piece<WrittenUrl, string> = written(
  "the URL of an upstream",
  (text) => ({ text, url: parseUpstreamUrl(text, "") }),
);

const server = z.strictObject({
  url,
  weight: count().optional()
    .describe("Its share of the sessions, among those of its priority. Default 1."),
  priority: z.int({ error: PRIORITY }).min(0, { error: PRIORITY }).optional()
    .describe("Higher ones are used only where none of the lower ones can be. Default 0."),
});

const POOL = "false, or a table";

const pool = z.union([
  z.literal(false),
  z.strictObject({
    connections: count().optional()
      .describe(`Connections at a time. Default ${defaultPool.connections}.`),
    "idle-time": duration(defaultPool.idleTime),
    age: duration(defaultPool.age),
    messages: count().optional()
      .describe(`Messages on one connection. Default ${defaultPool.messages}.`),
    refusals: count().optional().describe(
      `Refusals after which a connection is not used again. Default ${defaultPool.refusals}.`,
    ),
    waiting: count().optional()
      .describe(`Sessions that may wait for a connection. Default ${defaultPool.waiting}.`),
    patience: duration(defaultPool.patience),
  }),
], { error: POOL }).optional()
  .describe("Connections are kept from one message to the next; false: each session has its own.");

const upstreamRows = {
  pool,
  servers: z.array(server).min(1, { error: "at least one server" }).optional()
    .describe("Several next hops instead of one url."),
  balance: z.enum(["round-robin", "least-connections"]).optional()
    .describe("Which of several servers gets the next session. Default round-robin."),
  probe: measure(DURATION, (text) => parseDuration(text, "")).optional()
    .describe("How often all of several servers are asked. Default: only those that have failed."),
  identify: written(IDENTIFY, (text) => parseIdentify(text, "")).optional()
    .describe(`Tell the upstream who the client is: ${IDENTIFY}. Default none.`),
  secret: text(SECRET).optional()
    .describe(`Signs the requests to an upstream https://…: ${SECRET}. Default: not signed.`),
  timeout: measure(DURATION, (text) => parseDuration(text, "")).optional()
    .describe("Wait for each reply of the upstream. Default as RFC 5321 §4.5.3.2."),
};

const listener = z.strictObject({
  address: written(listenForm, (text) => parseListen(text, ""))
    .describe(`Listen here: ${listenForm}.`),
  protocol: z.enum(["smtp", "lmtp"]).optional()
    .describe("lmtp: a reply to each message for each recipient (RFC 2033). Default smtp."),
  tls: z.enum(["starttls", "implicit"]).optional()
    .describe(
      "starttls: offered where there are certificates; implicit: TLS from the first octet. " +
        "Default starttls.",
    ),
  proxy: networks.min(1, { error: "at least one network" }).optional()
    .describe("A PROXY header is mandatory, and only from these networks. Default: none expected."),
  xclient: networks.optional().describe("Networks that may use XCLIENT. Default []."),
  xforward: networks.optional().describe("Networks that may use XFORWARD. Default []."),
});

const certificate = z.strictObject({
  cert: file.describe("Certificate chain in PEM. A changed file is read again."),
  key: file.describe("Its private key in PEM."),
});

const table = z.strictObject({
  file: file.optional().describe("One entry a line; read again when it changes."),
  url: checked("an http or https URL", (text) => {
    const { protocol } = new URL(text);
    if (protocol !== "http:" && protocol !== "https:") throw new RangeError(protocol);
  }).optional().describe("An HTTP endpoint that gives the same lines; the last good copy is kept."),
  refresh: measure(DURATION, (text) => parseDuration(text, "")).optional()
    .describe("How long a copy of the endpoint's lines is used. Default 5m."),
}).superRefine(({ file, url, refresh }, context) => {
  if ((file === undefined) === (url === undefined)) {
    const found = file === undefined ? "neither file nor url" : "both file and url";
    context.addIssue({ code: "custom", message: "one of them", params: { said: found } });
  } else if (refresh !== undefined && url === undefined) {
    context.addIssue({ code: "custom", message: "only together with url", path: ["refresh"] });
  }
});

const limit = (number: number) => count().optional().describe(`Default ${number}.`);

/** The whole file. Every key is optional; an unknown one is a mistake. */
export const configurationSchema = z.strictObject({
  hostname: checked(
    "a domain name or an address literal",
    (hostname) => resolveOptions({ hostname }),
  ).optional()
    .describe("Our name in greeting, EHLO and Received. Default: the listener's address."),
  trusted: networks.optional()
    .describe("Networks whose AUTH= and priorities are believed. Default []."),
  "bare-newline": z.enum(["reject", "normalize"]).optional()
    .describe("A CR or LF by itself in a message. Default reject."),
  trace: z.boolean().optional().describe("Put a Received field on top of messages. Default true."),
  "keep-source-routes": z.boolean().optional()
    .describe("Pass source routes on instead of dropping them. Default false."),
  "eager-mail": z.boolean().optional()
    .describe("Send MAIL on as it comes, and not with the first recipient. Default false."),
  verify: z.enum(["local", "upstream"]).optional()
    .describe("Who answers VRFY, EXPN, HELP. Default local."),
  "lookup-names": z.boolean().optional()
    .describe("Look up the names of clients, for rules, log and Received. Default false."),
  shadow: file.optional()
    .describe("A second configuration whose policy is evaluated on live mail without effect."),
  record: file.optional().describe("Record what the policy is asked, as JSON lines, here."),
  "record-addresses": z.enum(["plain", "hashed"]).optional()
    .describe("How addresses stand in the recording. Default plain."),
  workers: count().optional()
    .describe("Threads that serve the same listeners. Read at the start only. Default 1."),
  listen: z.array(listener, { error: "tables, each headed by [[listen]]" }).optional().describe(
    "Default 127.0.0.1:2525.",
  ),
  upstream: z.strictObject({
    url: url.optional().describe("The next hop. Default capture:, which keeps mail in memory."),
    ...upstreamRows,
  }).optional(),
  upstreams: z.record(name, z.strictObject({ url: url.optional(), ...upstreamRows })).optional()
    .describe("Others by name, for rules that route."),
  tls: z.strictObject({
    certificates: z.array(certificate).optional()
      .describe("Chosen by server name. Default: TLS is not offered."),
    required: z.boolean().optional().describe("Refuse MAIL in the clear. Default false."),
    "client-authorities": file.optional()
      .describe("Ask clients for a certificate and verify it by these authorities, in PEM."),
  }).optional(),
  auth: z.strictObject({
    mode: z.enum(["relay", "off", "require"]).optional()
      .describe("relay: offer the upstream's AUTH; require: and insist on it; off. Default relay."),
    "without-tls": z.boolean().optional().describe("Offer AUTH in the clear too. Default false."),
  }).optional(),
  limits: z.strictObject({
    "message-size": measure(SIZE, (text) => parseSize(text, "")).optional()
      .describe(`Largest message: ${SIZE}. Default ${defaultLimits.messageSize}.`),
    recipients: limit(defaultLimits.recipients),
    errors: limit(defaultLimits.errors),
    hops: limit(defaultLimits.hops),
    sessions: limit(defaultLimits.sessions),
  }).optional(),
  timeouts: z.strictObject({
    command: duration(defaultTimeouts.command),
    data: duration(defaultTimeouts.data),
    transfer: duration(defaultTimeouts.transfer),
    write: duration(defaultTimeouts.write),
    handshake: duration(defaultTimeouts.handshake),
    "proxy-header": duration(defaultTimeouts.proxyHeader),
    lookup: duration(defaultTimeouts.lookup),
    linger: duration(defaultTimeouts.linger),
  }).optional(),
  admin: z.strictObject({
    listen: written(ADMIN_ADDRESS, (text) => parseAddress(text, "")).optional()
      .describe(`Serve the dashboard, the API and metrics here: ${ADMIN_ADDRESS}.`),
    "operator-token": text(SECRET).optional()
      .describe(
        `Who may also act: ${SECRET}. Without a token, only a loopback address may listen.`,
      ),
    "reader-token": text(SECRET).optional().describe(`Who may only look: ${SECRET}.`),
    hosts: z.array(text("the name of a host")).optional()
      .describe("Names by which browsers may address it. Default: localhost and IP addresses."),
    addresses: z.enum(["plain", "redacted"]).optional()
      .describe("How addresses and logins are shown. Default plain."),
  }).optional(),
  log: z.strictObject({
    format: z.enum(["text", "json"]).optional().describe("How lines look. Default text."),
    level: z.enum(["error", "warning", "info", "debug"]).optional().describe("Default info."),
    addresses: z.enum(["plain", "redacted"]).optional()
      .describe("How addresses and logins stand in it. Default plain."),
  }).optional().describe("Read at the start only."),
  policy: z.strictObject({
    "time-limit": duration(30_000),
    "on-failure": z.enum(["defer", "reject"]).optional()
      .describe("The answer where a check fails or takes too long. Default defer."),
    module: file.optional()
      .describe("A TypeScript module whose default export is a policy; asked behind the rules."),
  }).optional(),
  content: z.strictObject({
    window: measure(SIZE, (text) => parseSize(text, "")).optional().describe(
      "Octets of each message that are held where rules or filters look at it, so that its header " +
        "can be changed. Default 64k.",
    ),
  }).optional(),
  quarantine: z.strictObject({
    directory: text("the path of a directory")
      .describe("A Maildir, which is made where there is none."),
  }).optional().describe("Where messages are kept that rules and filters quarantine."),
  filter: z.array(filterSchema, { error: "tables, each headed by [[filter]]" }).optional()
    .describe("Asked all at once, while a message comes."),
  tables: z.record(name, table).optional().describe("What rules look up as @name."),
  rule: z.array(ruleSchema, { error: "tables, each headed by [[rule]]" }).optional()
    .describe("Asked in order; the first decisive one of a phase wins."),
});

/** The file as it is read. */
export type Document = z.output<typeof configurationSchema>;

/** JSON Schema (draft 2020-12) of the file as it is written. */
export function jsonSchema(): unknown {
  return {
    ...z.toJSONSchema(configurationSchema, { io: "input" }),
    title: "Configuration of Sluice",
  };
}
