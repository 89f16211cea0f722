/**
 * What spans say. Attributes are named by OpenTelemetry's semantic conventions where these have a
 * name, otherwise `smtp.` for what the protocol knows and `sluice.` for what only we do.
 *
 * Where there is a parameter `addresses`, it says whether mail addresses, logins and words that may
 * hold such are told.
 *
 * @module
 */

import { messageOf } from "../../errors.ts";
import type { Attributes } from "@opentelemetry/api";
import type { TlsFacts } from "../../channel.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import type { SessionFacts, TransactionFacts } from "../../session/facts.ts";
import type { SessionEnd, TransactionEnd } from "../../session/observer.ts";
import type { Step } from "../../session/phases.ts";
import { outcomeOf } from "../transaction_record.ts";

/** Of a session, before anything of it has been read. */
export function ofOpening({ id, client, server, listener }: SessionFacts): Attributes {
  return {
    "sluice.session": id,
    "sluice.listener": listener,
    "network.protocol.name": "smtp",
    "network.transport": server.transport,
    ...client.address !== "" && {
      "network.peer.address": client.address,
      "network.peer.port": client.port,
    },
    ...server.transport === "tcp" && {
      "network.local.address": server.host,
      "network.local.port": server.port,
    },
  };
}

/** Of a session at its end: by now a PROXY header or XCLIENT has told who the client is. */
export function ofClosing(
  { client }: SessionFacts,
  end: SessionEnd,
  cause: unknown,
  addresses: boolean,
): Attributes {
  return {
    "sluice.end": end,
    "smtp.hello": client.hello,
    ...client.address !== "" && { "client.address": client.address, "client.port": client.port },
    ...client.name !== undefined && { "sluice.client.name": client.name },
    ...addresses && client.login !== undefined && { "user.name": client.login },
    ...ofTls(client.tls),
    ...cause !== undefined && ofError(cause, addresses),
  };
}

/** Of a mail transaction that is over. */
export function ofTransaction(
  { original, octets, upstream }: TransactionFacts,
  end: TransactionEnd,
  addresses: boolean,
): Attributes {
  const { reversePath, recipients } = original;
  return {
    "sluice.outcome": outcomeOf(end),
    ...end.kind === "refused" && { "sluice.refused_at": end.at },
    ..."reply" in end && ofReply(end.reply),
    ...upstream !== undefined && { "sluice.upstream": upstream },
    "smtp.octets": octets,
    "smtp.recipients": recipients.length,
    "smtp.recipients.accepted": recipients.filter(({ reply }) => reply?.positive).length,
    ...addresses && {
      "smtp.reverse_path": reversePath.address,
      "smtp.forward_paths": recipients.map(({ forwardPath }) => forwardPath.address),
    },
  };
}

/** Of what one check has said; nothing stands for proceed. */
export function ofVerdicts(steps: readonly Step[]): Attributes {
  const verdicts = steps.map(({ verdict }) => verdict);
  const rules = verdicts.flatMap(({ by }) => by ?? []);
  const refusal = verdicts.find((verdict) => "reply" in verdict);
  return {
    "sluice.verdict": verdicts.map(({ kind }) => kind).join(" ") || "proceed",
    ...rules.length > 0 && { "sluice.rule": rules.join(" ") },
    ...refusal && ofReply(refusal.reply),
  };
}

/** Of a reply, without its words, which may name somebody. */
export function ofReply({ code, enhanced }: Reply): Attributes {
  return {
    "smtp.reply.code": code,
    ...enhanced && {
      "smtp.reply.enhanced": `${enhanced.class}.${enhanced.subject}.${enhanced.detail}`,
    },
  };
}

/** Of TLS; nothing in the clear. */
export function ofTls(tls: TlsFacts | undefined): Attributes {
  if (tls === undefined) return {};
  return {
    "tls.protocol.name": "tls",
    "tls.protocol.version": tls.version.replace(/^TLSv/, ""),
    "tls.cipher": tls.cipher,
  };
}

/** Of a failure. */
export function ofError(error: unknown, addresses: boolean): Attributes {
  return { "error.type": typeOf(error), ...addresses && { "error.message": messageOf(error) } };
}

/** Of a failure that is an event in the course of something. */
export function ofException(error: unknown, addresses: boolean): Attributes {
  return {
    "exception.type": typeOf(error),
    ...addresses && { "exception.message": messageOf(error) },
  };
}

/** An upstream's failure and a channel's have kinds of their own; of anything else the name. */
function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return "kind" in error && typeof error.kind === "string" ? error.kind : error.name;
}
