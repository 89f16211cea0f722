/**
 * SMTP's values and their grammar (RFC 5321 §4.1 and §4.2): commands, paths, parameters, replies and
 * service extensions.
 *
 * Everything here is a pure function or an immutable value. Nothing reads, writes or waits, and what
 * has been parsed prints as text that parses to the same value.
 *
 * @example A command, a fault and a reply
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseCommand, Reply } from "@sluice/sluice/rfc5321";
 *
 * const parse = (line: string) => parseCommand(new TextEncoder().encode(line));
 *
 * const command = parse("RCPT TO:<Jones@XYZ.example> NOTIFY=NEVER");
 * if ("fault" in command || command.verb !== "RCPT") throw new Error("not a RCPT command");
 * assertEquals(command.forwardPath.domain, "xyz.example");
 * assertEquals(command.parameters.notify, ["NEVER"]);
 *
 * assertEquals(parse("RCPT TO:Jones"), {
 *   verb: "RCPT",
 *   fault: "syntax",
 *   detail: "RCPT TO:<address>",
 * });
 * assertEquals(Reply.parse("501 Bad address").withEnhanced("1.3").toString(), "501 5.1.3 Bad address\r\n");
 * ```
 *
 * @module
 */

export { isAddressLiteral, isIpv4, isIpv6 } from "./address_literal.ts";
export { type Attributes, parseXclient, parseXforward } from "./attribute.ts";
export {
  type Command,
  type CommandFault,
  type CommandOptions,
  parseCommand,
  type Verb,
  verbs,
} from "./command.ts";
export { Extensions } from "./extension.ts";
export * from "./limits.ts";
export {
  type Body,
  type DeliverBy,
  extensionsOf,
  type MailParameters,
  type Notify,
  type OriginalRecipient,
  type ParameterFault,
  parseMailParameters,
  parseRcptParameters,
  printMailParameters,
  printRcptParameters,
  type RcptParameters,
  type RecipientValidSince,
} from "./parameter.ts";
export { Path } from "./path.ts";
export { type EnhancedCode, Reply } from "./reply.ts";
export { decodeXtext, encodeXtext, isXtext } from "./xtext.ts";
