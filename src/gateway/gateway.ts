/**
 * The gateway: mail that comes by HTTP, and goes to the upstream in the same request.
 *
 * @module
 */

import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { OptionError } from "../errors.ts";
import { bearer, challenge } from "../http/bearer.ts";
import { refuse } from "../http/errors.ts";
import { addressedHost, foreignPage, hostCheck } from "../http/origin.ts";
import { defaultTimeouts, type ProxyOptions } from "../options.ts";
import { createProxy, type Proxy } from "../proxy.ts";
import { isIpv4, isIpv6 } from "../rfc5321/address_literal.ts";
import { printMailParameters, printRcptParameters } from "../rfc5321/parameter.ts";
import { MemoryExpiringStore } from "../state/expiring_store.ts";
import { type Answer, answerOf } from "./answer.ts";
import type { Envelope } from "./envelope.ts";
import type { GatewayOptions } from "./options.ts";
import { relay, type Submitter } from "./relay.ts";
import { Repeats } from "./repeats.ts";
import { RequestBody } from "./request_body.ts";
import { RequestFault } from "./request_fault.ts";
import { describe } from "./schema.ts";
import { normalized, readSubmission } from "./submission.ts";

/** A gateway; give its `fetch` to a server, or mount it in an app. */
export interface Gateway<Info = unknown> {
  /**
   * Answers a request whose path is the one below the gateway's own place. Rejects where an option
   * given to the gateway throws.
   */
  readonly fetch: (request: Request, info?: Info) => Promise<Response>;
  /** Whose sessions the messages are sent in; for an admin beside the gateway. */
  readonly proxy: Proxy;
  /** Closes the proxy where the gateway has made it. */
  close(): Promise<void>;
}

/** Seconds after which a message that was deferred may be sent again. */
const RETRY_AFTER = "60";
const DAY = 86_400_000;

/** RFC 9110 §5.5: what a field can hold, without spaces. */
const keyForm = /^[!-~]{1,255}$/;

interface Env<Info> {
  Bindings: { readonly info: Info };
  Variables: { login?: string };
}

/**
 * Makes a gateway.
 *
 * `POST /messages` takes a message as `message/rfc822`, with the envelope in the query (`from`, and
 * `to` for each recipient) or in the header (`Mail-From`, `Rcpt-To`, as `httpUpstream` writes them: `%`,
 * commas within an element and what is not ASCII stand as `%XX`), or all of it as
 * `multipart/form-data` with the fields `from`, `to` and, at last, `message`. `GET /openapi.json`
 * describes it.
 *
 * @example By itself
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CaptureUpstream, MemoryStore } from "@sluice/sluice";
 * import { createGateway } from "@sluice/sluice/gateway";
 *
 * const store = new MemoryStore();
 * const upstream = new CaptureUpstream("capture:", store);
 * const gateway = createGateway({ upstream, trace: false });
 * // Over a network: `Deno.serve({ port: 8026 }, gateway.fetch)`.
 * const answer = await gateway.fetch(
 *   new Request("http://localhost:8026/messages?from=a@x.example&to=b@y.example", {
 *     method: "POST",
 *     headers: { "content-type": "message/rfc822" },
 *     body: "Subject: Hi\r\n\r\nHello\r\n",
 *   }),
 * );
 * assertEquals(await answer.json(), {
 *   recipients: [{ address: "b@y.example", code: 250, enhanced: "2.0.0", text: "Ok: kept as memory" }],
 * });
 * assertEquals(new TextDecoder().decode(store.messages[0].content), "Subject: Hi\r\n\r\nHello\r\n");
 * await gateway.close();
 * ```
 *
 * @example Beside an admin, in an app, with tokens and the addresses of clients
 * ```ts
 * import { Hono } from "hono";
 * import { createProxy } from "@sluice/sluice";
 * import { createAdmin } from "@sluice/sluice/admin";
 * import { createGateway } from "@sluice/sluice/gateway";
 *
 * const proxy = createProxy();
 * const admin = createAdmin(proxy);
 * const gateway = createGateway(proxy, {
 *   tokens: { shop: ["a-token-that-is-long-enough"] },
 *   client: (_request, { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>) => remoteAddr.hostname,
 * });
 * const app = new Hono().mount("/sluice", admin.fetch).mount("/mail", gateway.fetch);
 * // Deno.serve(app.fetch);
 * admin.close();
 * await proxy.close();
 * ```
 *
 * @param through The proxy through which messages go, or the options for one of the gateway's own.
 * @throws {OptionError} If an option cannot be used.
 */
export function createGateway<Info = unknown>(
  through: Proxy | ProxyOptions,
  options: GatewayOptions<Info> = {},
): Gateway<Info> {
  const milliseconds = {
    timeout: options.timeout ?? defaultTimeouts.data,
    keep: options.keep ?? DAY,
  };
  for (const [name, value] of Object.entries(milliseconds)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new OptionError(name, value, "a whole number of milliseconds, at least 1");
    }
  }
  const given = "handle" in through;
  const proxy = given ? through : createProxy(through);
  const store = options.answers ?? new MemoryExpiringStore(proxy.clock);
  const app = gatewayApp({
    options,
    proxy,
    timeout: milliseconds.timeout,
    repeats: new Repeats(store, milliseconds.keep),
  });
  return {
    fetch: async (request, info) => await app.fetch(request, { info: info as Info }),
    proxy,
    close: () => given ? Promise.resolve() : proxy.close(),
  };
}

/** What requests are answered with. */
interface Parts<Info> {
  readonly options: GatewayOptions<Info>;
  readonly proxy: Proxy;
  readonly timeout: number;
  readonly repeats: Repeats;
}

function gatewayApp<Info>(parts: Parts<Info>): OpenAPIHono<Env<Info>> {
  const app = new OpenAPIHono<Env<Info>>();
  const { options: { tokens }, proxy } = parts;
  describe(app, tokens !== undefined);
  const who = tokens === undefined
    ? anybody(parts.options.hosts)
    : bearer({ tokens, clock: proxy.clock });
  app.post("/messages", async (c) => {
    const login = await who(c);
    if (login instanceof Response) return login;
    if (tokens !== undefined) {
      if (login === undefined) return challenge(c, "Cannot send a message without a token");
      c.set("login", login);
    }
    return await post(c, parts);
  });
  app.all("/messages", (c) => {
    c.header("allow", "POST");
    return refuse(c, 405, "wrong-method", `Cannot ${c.req.method} messages, allowed is POST`);
  });
  app.notFound((c) => refuse(c, 404, "not-found", "Cannot find this path; see openapi.json"));
  app.onError((error) => {
    // Not ours to hide: whoever serves us has a log.
    throw error;
  });
  return app;
}

/** Without tokens: whoever is no page of another site (a form can be sent to any address). */
function anybody(hosts: readonly string[] | undefined): (c: Context) => Response | undefined {
  const ours = hostCheck(hosts, "loopback");
  return (c) => {
    const host = addressedHost(c);
    return ours(c, host) ?? foreignPage(c, host);
  };
}

async function post<Info>(c: Context<Env<Info>>, parts: Parts<Info>): Promise<Response> {
  const request = c.req.raw;
  const body = new RequestBody(request.body, parts.proxy.clock, parts.timeout);
  try {
    const answer = await answerTo(c, body, parts);
    if (answer instanceof Response) return answer;
    if (answer.status === 503) c.header("retry-after", RETRY_AFTER);
    return c.json(answer.body, answer.status);
  } catch (error) {
    if (!(error instanceof RequestFault)) throw error;
    return refuse(c, error.status, error.code, error.message);
  } finally {
    body.cancel();
  }
}

async function answerTo<Info>(
  c: Context<Env<Info>>,
  body: RequestBody,
  { options, proxy, repeats }: Parts<Info>,
): Promise<Answer | Response> {
  const key = c.req.header("idempotency-key");
  if (key !== undefined && !keyForm.test(key)) {
    throw new RequestFault(
      400,
      "bad-key",
      "Cannot use Idempotency-Key, allowed are 1 to 255 printable characters without spaces",
    );
  }
  const submission = await readSubmission(c.req.raw, body.octets());
  const { envelope } = submission;
  // RFC 3030 §3: newlines of BINARYMIME are data.
  const repair = options.bareNewline === "normalize" && envelope.parameters.body !== "BINARYMIME";
  const repaired = repair
    // Its size is another one then.
    ? { envelope, size: undefined, message: normalized(submission.message) }
    : submission;
  const attempt = async (): Promise<Answer> =>
    answerOf(envelope.recipients, await relay(proxy, submitterOf(c, options), repaired));
  if (key === undefined) return await attempt();
  const login = c.get("login") ?? "";
  const answer = await repeats.once([login, key], printed(envelope), attempt);
  if (answer === "under-way") {
    return refuse(c, 409, "under-way", "Cannot answer yet: the first request is under way");
  }
  if (answer === "another") {
    return refuse(c, 422, "key-used", "Cannot use this Idempotency-Key: its envelope was another");
  }
  return answer;
}

function submitterOf<Info>(c: Context<Env<Info>>, options: GatewayOptions<Info>): Submitter {
  const { name = "gateway", client } = options;
  const address = client?.(c.req.raw, c.env.info) ?? "";
  if (address !== "" && !isIpv4(address) && !isIpv6(address)) {
    throw new OptionError("client", address, "a function that tells an IP address");
  }
  return { address, listener: { name, login: c.get("login"), via: "HTTP" } };
}

/** As SMTP will say it. */
function printed({ reversePath, parameters, recipients }: Envelope): string {
  return [
    `${reversePath}${printMailParameters(parameters)}`,
    ...recipients.map((one) => `${one.forwardPath}${printRcptParameters(one.parameters)}`),
  ].join("\n");
}
