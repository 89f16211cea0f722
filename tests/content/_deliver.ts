/**
 * One message through a policy, and servers of HTTP that answer as a test wants it.
 *
 * @module
 */

import type { Policy } from "../../src/policy/policy.ts";
import type { Fetch } from "../../src/upstream/http/body.ts";
import { openSession, type TestSessionOptions } from "../../src/testing/session.ts";

/** What has become of a message. */
export interface Outcome {
  /** The reply: `250 2.0.0 Ok`. */
  readonly reply: string;
  /** What the upstream has taken; absent where it has taken nothing. */
  readonly content?: string;
}

/** How a message is sent. */
export interface DeliverOptions extends TestSessionOptions {
  /** @default "a@x.example" */
  readonly from?: string;
  /** @default ["b@y.example"] */
  readonly to?: readonly string[];
}

/** Sends a message through a session with a policy. */
export async function deliver(
  policy: Policy,
  message: string,
  { from = "a@x.example", to = ["b@y.example"], ...options }: DeliverOptions = {},
): Promise<Outcome> {
  await using session = await openSession({ policy, ...options });
  await session.cmd(`MAIL FROM:<${from}>`, "250");
  for (const recipient of to) await session.cmd(`RCPT TO:<${recipient}>`, "250");
  const { code, lines } = await session.message(message);
  const [captured] = session.captured;
  return {
    reply: `${code} ${lines[0]}`,
    ...captured && { content: new TextDecoder().decode(captured.content) },
  };
}

/** A `fetch` that reads what it is given and answers: a text, or an object as JSON. */
export function answering(answer: unknown, seen: Request[] = []): Fetch {
  return async (url, init) => {
    const request = new Request(url, init);
    await request.clone().text();
    seen.push(request);
    return typeof answer === "string" ? new Response(answer) : Response.json(answer);
  };
}

/** A server on this machine for one test. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
}

/** Serves what `answer` answers. */
export function serveHttp(
  answer: (request: Request) => Response | Promise<Response>,
): TestServer {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
