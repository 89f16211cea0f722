/**
 * Who the client is, when a trusted peer in front of us says so: the PROXY protocol, and Postfix's
 * XCLIENT and XFORWARD.
 *
 * @module
 */

import { TimeoutError } from "../clock.ts";
import type { Networks } from "../networks.ts";
import type { Attributes } from "../rfc5321/attribute.ts";
import { type ProxyHeader, ProxyHeaderFault, ProxyHeaderReader } from "../stages/proxy_protocol.ts";
import type { ClientFacts, ForwardedFacts } from "./facts.ts";
import { mayXclient, mayXforward } from "./hello.ts";
import type { Handler } from "./handler.ts";
import { SessionOver } from "./over.ts";
import type { Session } from "./session.ts";

/**
 * Reads the PROXY header that is mandatory on this listener; whoever is not listed, or sends
 * something else, is hung up on: any answer would be to the wrong one.
 */
export async function acceptProxyHeader(session: Session, from: Networks): Promise<void> {
  if (!from.has(session.client.address)) throw new SessionOver("closed");
  const { clock, timeouts } = session.settings;
  const end = clock.monotonic() + timeouts.proxyHeader;
  const reader = new ProxyHeaderReader();
  let header: ProxyHeader | undefined;
  const out = { enqueue: (value: ProxyHeader): void => void (header = value) };
  try {
    while (header === undefined) {
      const left = Math.max(0, end - clock.monotonic());
      if (!await session.input.fill(left, "a PROXY header")) throw new SessionOver("vanished");
      session.input.take(reader, out);
    }
  } catch (error) {
    if (error instanceof ProxyHeaderFault || error instanceof TimeoutError) {
      throw new SessionOver("closed", undefined, { cause: error });
    }
    throw error;
  }
  const { source, destination } = header;
  if (source === undefined || destination === undefined) return;
  session.server = { transport: "tcp", ...destination };
  session.peer = source.host;
  session.identify({ address: source.host, port: source.port });
}

/** XCLIENT: the peer is a gateway; from here on the client is the one it names. */
export const xclient: Handler<"XCLIENT"> = {
  async obey(session, { attributes }, next) {
    if (!mayXclient(session)) return session.fault("XCLIENT", "notAuthorized");
    // The upstream connection may know the former client.
    await session.release();
    session.forwarded = undefined;
    session.identify(clientOf(attributes, session.client));
    session.state = next;
    // XCLIENT_README: the session starts over with a new greeting.
    await session.greet("XCLIENT");
  },
};

/** XFORWARD: what a gateway knows about the client of the next message, for logs and filters. */
export const xforward: Handler<"XFORWARD"> = {
  obey(session, { attributes }, next) {
    if (mayXforward(session)) {
      session.forwarded = { ...session.forwarded, ...forwardedOf(attributes) };
      session.state = next;
      session.answer("XFORWARD", "ok");
    } else session.fault("XFORWARD", "notAuthorized");
    return Promise.resolve();
  },
};

/**
 * Attributes that are not named keep their value; `[UNAVAILABLE]` clears it. But an address does not
 * inherit the name of another one.
 */
function clientOf(attributes: Attributes, before: ClientFacts): Partial<ClientFacts> {
  const value = (name: string, old: string | undefined): string | undefined =>
    attributes.has(name) ? attributes.get(name) : old;
  const port = value("PORT", String(before.port));
  return {
    address: value("ADDR", before.address) ?? "",
    port: port === undefined ? 0 : Number(port),
    name: value("NAME", attributes.has("ADDR") ? undefined : before.name),
    hello: value("HELO", before.hello) ?? "",
    login: value("LOGIN", before.login),
    extended: value("PROTO", before.extended ? "ESMTP" : "SMTP") === "ESMTP",
  };
}

const forwardedNames: Readonly<Record<string, keyof ForwardedFacts>> = {
  NAME: "name",
  ADDR: "address",
  PORT: "port",
  PROTO: "protocol",
  HELO: "hello",
  IDENT: "ident",
  SOURCE: "source",
};

function forwardedOf(attributes: Attributes): ForwardedFacts {
  return Object.fromEntries(
    [...attributes].map(([name, value]) => [forwardedNames[name], value]),
  );
}
