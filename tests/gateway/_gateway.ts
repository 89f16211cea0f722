/** A gateway over a proxy whose upstream a test plays. */

import { assertEquals } from "@std/assert";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import type { GatewayOptions } from "../../src/gateway/options.ts";
import { onStage, type Peer, type Stage, type StageOptions } from "../_dialogue.ts";
import { guarded } from "../_peer.ts";

export const PLACE = "http://localhost:8026";

/** A message in the form that needs no repair. */
export const MESSAGE = "Subject: Hi\r\n\r\n.\r\nHello\r\n";

export interface PostOptions {
  /** Query; default one sender and one recipient. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit | ReadableStream<Uint8Array>;
  readonly method?: string;
}

/** The request that hands in a message. */
export function request(options: PostOptions = {}): Request {
  const query = options.query ?? "?from=a@x.example&to=b@y.example";
  const body = options.body ?? MESSAGE;
  return new Request(`${PLACE}/messages${query}`, {
    method: options.method ?? "POST",
    headers: {
      ...(body instanceof FormData ? {} : { "content-type": "message/rfc822" }),
      ...options.headers,
    },
    body,
  });
}

/** What is set up. */
export interface GatewayStageOptions extends StageOptions {
  readonly gateway?: GatewayOptions<string>;
}

/** A stage with a gateway. */
export interface Played {
  readonly stage: Stage;
  readonly gateway: Gateway<string>;
  /** Hands in a message; the answer is to be awaited. */
  post(options?: PostOptions): Promise<Response>;
}

/** Runs a test on a stage with a gateway and makes sure that nothing is left of them. */
export async function onGateway(
  options: GatewayStageOptions,
  play: (played: Played) => Promise<void>,
): Promise<void> {
  await onStage({ offers: ["PIPELINING", "8BITMIME", "CHUNKING"], ...options }, async (stage) => {
    const gateway = createGateway(stage.proxy, options.gateway);
    const post = (given?: PostOptions): Promise<Response> =>
      guarded(gateway.fetch(request(given), "192.0.2.7"), () => "the gateway's answer");
    await play({ stage, gateway, post });
    await gateway.close();
  });
}

/** The body of an answer that must have this status. */
// deno-lint-ignore no-explicit-any
export async function read(response: Response, status: number): Promise<any> {
  const text = await response.text();
  assertEquals(response.status, status, text);
  return JSON.parse(text);
}

/** The code of an error that must have this status. */
export async function codeOf(response: Response, status: number): Promise<string> {
  return (await read(response, status)).error.code;
}

/** Plays MAIL and one RCPT of the upstream. */
export async function envelope(upstream: Peer, rcpt = "250 2.1.5 Ok"): Promise<void> {
  await upstream.expect("MAIL FROM:<a@x.example>*", "RCPT TO:<b@y.example>");
  await upstream.send(`250 2.1.0 Ok\r\n${rcpt}\r\n`);
}

/** Takes a whole message in BDAT chunks and answers the last of them. */
export async function message(upstream: Peer, reply = "250 2.0.0 Taken"): Promise<string> {
  let content = "";
  for (;;) {
    const [, size, last] = /^BDAT ([0-9]+)( LAST)?$/.exec(await upstream.line("BDAT"))!;
    content += await upstream.octets(Number(size));
    if (last === undefined) await upstream.send("250 2.0.0 Go on\r\n");
    else {
      await upstream.send(`${reply}\r\n`);
      return content;
    }
  }
}

/** A body of which a test sends piece by piece. */
export function pieces(): {
  readonly body: ReadableStream<Uint8Array>;
  readonly send: (text: string) => Promise<void>;
  readonly end: () => Promise<void>;
  readonly abort: () => Promise<void>;
} {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  return {
    body: readable,
    send: (text) => writer.write(new TextEncoder().encode(text)),
    end: () => writer.close(),
    abort: () => writer.abort(new Error("gone")).catch(() => {}),
  };
}
