/**
 * The trace header that a relay puts on top of every message (RFC 5321 §4.4).
 *
 * @module
 */

import type { ClientFacts, MailProtocol } from "./facts.ts";
import type { Session } from "./session.ts";
import type { Transaction } from "./transaction.ts";

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = [
  "Jan",
  "Feb",
  "Mar",
  "Apr",
  "May",
  "Jun",
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
];

/** RFC 5321 §4.1.2 Domain or §4.1.3 address literal; a name outside it would be no trace syntax. */
const NAME = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,254})|\[[A-Za-z0-9.:-]{1,100}\])$/;

/** The date-time of RFC 5322 §3.3, in UTC. */
export function dateTime(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  if (second !== last.second) last = { second, text: dateText(milliseconds) };
  return last.text;
}

/** What the last message was given: many come in the same second. */
let last = { second: NaN, text: "" };

function dateText(milliseconds: number): string {
  const date = new Date(milliseconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = `${DAYS[date.getUTCDay()]}, ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":");
  return `${day} ${date.getUTCFullYear()} ${time} +0000`;
}

/** The `with` word: RFC 3848, and RFC 6531 §4.3 for messages under SMTPUTF8. */
export function withProtocol(
  client: ClientFacts,
  smtpUtf8: boolean,
  protocol: MailProtocol = "smtp",
): string {
  const suffix = (client.tls ? "S" : "") + (client.login === undefined ? "" : "A");
  if (smtpUtf8) return `UTF8${protocol.toUpperCase()}${suffix}`;
  if (protocol === "lmtp") return `LMTP${suffix}`;
  return client.extended || suffix !== "" ? `ESMTP${suffix}` : "SMTP";
}

/** The client's address as TCP-info (RFC 5321 §4.4), `unknown` where there is none. */
function tcpInfo(client: ClientFacts): string {
  if (client.address === "") return "unknown";
  return client.address.includes(":") ? `[IPv6:${client.address}]` : `[${client.address}]`;
}

/** Who the client is, as the trace header says it (RFC 5321 §4.4 From-domain). */
export function fromDomain(client: ClientFacts): string {
  const hello = NAME.test(client.hello) ? client.hello : "unknown";
  const named = client.name !== undefined && NAME.test(client.name) ? `${client.name} ` : "";
  return `from ${hello} (${named}${tcpInfo(client)})`;
}

/** Builds the header for a message that begins now, with its CRLFs. */
export function traceHeader(session: Session, transaction: Transaction): string {
  const { client } = session;
  const smtpUtf8 = transaction.current.parameters.smtputf8 === true;
  const via = session.at.via === undefined ? "" : ` via ${session.at.via}`;
  const protocol = withProtocol(client, smtpUtf8, session.at.protocol);
  const accepted = transaction.original.recipients.filter((one) => one.reply?.positive);
  const lines = [
    `Received: ${fromDomain(client)}`,
    `by ${session.hostname}${via} with ${protocol} id ${transaction.id}`,
  ];
  // More than one would tell each recipient of the others (RFC 5321 §7.2).
  if (accepted.length === 1) lines.push(`for ${accepted[0].forwardPath}`);
  // RFC 8314 §7.4
  if (client.tls?.cipher) lines.push(`tls ${client.tls.cipher}`);
  return `${lines.join("\r\n\t")};\r\n\t${dateTime(session.settings.clock.now())}\r\n`;
}
