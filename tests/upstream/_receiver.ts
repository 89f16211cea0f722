/**
 * Receivers of HTTP requests, and a session that sends them mail.
 */

import { httpUpstream, type HttpUpstreamOptions } from "../../src/upstream/http/upstream.ts";
import { openSession, type TestSession } from "../../src/testing/session.ts";

/** A server at a port of 127.0.0.1. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
}

/** Starts one; its connections are HTTP/1.1. */
export function receiver(answer: (request: Request) => Promise<Response> | Response): Receiver {
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(quiet, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}/in?key=a%2Cb`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A session whose upstream is an endpoint, its recipients given. */
export async function sending(
  options: HttpUpstreamOptions,
  ...recipients: readonly string[]
): Promise<TestSession> {
  const session = await openSession({ upstream: httpUpstream(options), trace: false });
  await session.cmd("MAIL FROM:<a@x.example>", "250");
  for (const recipient of recipients) await session.cmd(`RCPT TO:${recipient}`, "250");
  return session;
}

/** The octets of a body, or `undefined` where it breaks off. */
export async function wholeOf(body: ReadableStream<Uint8Array>): Promise<string | undefined> {
  try {
    return await new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>).text();
  } catch {
    return undefined;
  }
}
