/**
 * The upstream that is an HTTP endpoint: each message is a POST of `message/rfc822`.
 *
 * @module
 */

import { type Clock, systemClock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { loopback, Networks } from "../../networks.ts";
import { parseUrl } from "../../parse_url.ts";
import { Extensions } from "../../rfc5321/extension.ts";
import type { MailParameters, RcptParameters } from "../../rfc5321/parameter.ts";
import type { Path } from "../../rfc5321/path.ts";
import { Reply } from "../../rfc5321/reply.ts";
import type {
  OpenedBody,
  Origin,
  Upstream,
  UpstreamLink,
  UpstreamOffer,
} from "../../session/upstream.ts";
import { defaultTimeouts, type UpstreamTimeouts } from "../smtp/timeouts.ts";
import { type Fetch, HttpBody, type HttpTarget } from "./body.ts";
import { printEnvelope, printRecipient } from "./envelope.ts";

/** Options of {@linkcode httpUpstream}; only `url` must be given. */
export interface HttpUpstreamOptions {
  /** Where messages go. `http:` only on this machine, unless `plaintext`. Its query is kept. */
  readonly url: string;
  /** At least 16 characters; requests are then signed, for {@linkcode verifyRequest}. @default none */
  readonly secret?: string;
  /** Allows `http:` to other machines: whoever is on the way reads the mail. @default false */
  readonly plaintext?: boolean;
  /** Sends the requests; it must not follow redirects where `redirect` is `manual`. @default The runtime's. */
  readonly fetch?: Fetch;
  /** Waits in milliseconds; one that is left out keeps its default. */
  readonly timeouts?: Partial<Pick<UpstreamTimeouts, "dataBlock" | "dataTermination">>;
  /** Times the waits and dates the signatures. @default The runtime's clock. */
  readonly clock?: Clock;
}

/** What a request can say of a message: all that needs nothing but being told. */
const offered: UpstreamOffer = {
  extensions: Extensions.of([
    ["8BITMIME"],
    ["SMTPUTF8"],
    ["DSN"],
    ["CHUNKING"],
    ["BINARYMIME"],
    ["SIZE"],
  ]),
  verified: false,
};

/** Octets of `Rcpt-To`: servers take header fields of about 8 KiB. */
const MAX_RECIPIENTS = 8_000;
/** Characters of a secret. */
const MIN_SECRET = 16;

const OK = new Reply(250, "2.0.0 Ok");
const NOT_IMPLEMENTED = new Reply(502, "5.5.1 Command not implemented");
const BAD_SEQUENCE = new Reply(503, "5.5.1 Bad sequence of commands");
// RFC 5321 §4.5.3.1.10: the client sends the message again to those that are left.
const TOO_MANY = new Reply(452, "4.5.3 Too many recipients for one request");

const thisMachine = new Networks(loopback);

/** What URLs may be, for errors. */
export const httpForm = "https://host/path, or http:// to a loopback address";

/**
 * Reads the URL of an endpoint.
 *
 * @param plaintext Whether `http:` may go to other machines.
 * @returns `undefined` where it cannot be used.
 */
export function readHttpUrl(text: string, plaintext: boolean): URL | undefined {
  const url = parseUrl(text);
  if (url === null) return undefined;
  // RFC 9110 §4.2.4
  if (url.username !== "" || url.password !== "" || url.hash !== "") return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const near = host === "localhost" || thisMachine.has(host);
  const good = url.protocol === "https:" || (url.protocol === "http:" && (near || plaintext));
  return good ? url : undefined;
}

/**
 * Makes an upstream of an HTTP endpoint. What it answers is the reply to the message: 2xx is 250, 4xx is
 * 5yz in the words of a `text/plain` body, 5xx and 429 are 4yz, and so is no answer at all. The client
 * is told nothing before the answer is there.
 *
 * A message of up to 64 KiB is held until it is complete; a larger one is sent as it comes, and a
 * receiver that cannot take it may answer before its end.
 *
 * @example Whatever receives a POST
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { httpUpstream } from "@sluice/sluice";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const upstream = httpUpstream({
 *   url: "https://hook.example/mail",
 *   fetch: async (url, init) => {
 *     const request = new Request(url, init);
 *     assertEquals(request.headers.get("rcpt-to"), "<b@y.example>");
 *     await request.arrayBuffer();
 *     return new Response("5.7.1 Not on Sundays", { status: 403 });
 *   },
 * });
 * await using session = await openSession({ upstream });
 * await session.cmd("MAIL FROM:<a@x.example>", "250");
 * await session.cmd("RCPT TO:<b@y.example>", "250");
 * await session.message("Subject: Hi\r\n\r\n", "550 5.7.1 Not on Sundays");
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function httpUpstream(options: HttpUpstreamOptions): Upstream {
  const { secret, clock = systemClock, fetch = globalThis.fetch } = options;
  const url = readHttpUrl(options.url, options.plaintext ?? false);
  if (url === undefined) throw new OptionError("upstream.url", options.url, httpForm);
  if (secret !== undefined && secret.length < MIN_SECRET) {
    const found = `a secret of ${secret.length} characters`;
    throw new OptionError("upstream.secret", found, `at least ${MIN_SECRET} of them`);
  }
  for (const [name, value] of Object.entries(options.timeouts ?? {})) {
    if (
      !["dataBlock", "dataTermination"].includes(name) || !Number.isSafeInteger(value) || value < 1
    ) {
      const allowed = "milliseconds for dataBlock, dataTermination";
      throw new OptionError(`upstream.timeouts.${name}`, value, allowed);
    }
  }
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const name = `${url.origin}${url.pathname}`;
  return new HttpUpstream({ name, url: url.href, fetch, secret, timeouts, clock });
}

class HttpUpstream implements Upstream {
  constructor(readonly target: HttpTarget) {}

  get name(): string {
    return this.target.name;
  }

  offer(): Promise<UpstreamOffer> {
    return Promise.resolve(offered);
  }

  /** There is nothing to connect to before there is a message. */
  connect(): Promise<UpstreamLink> {
    return Promise.resolve(new HttpLink(this.target));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Draft {
  readonly path: Path;
  readonly parameters: MailParameters;
  readonly origin: Origin;
  /** Printed. */
  readonly recipients: string[];
  /** Of these, with what stands between them. */
  octets: number;
}

class HttpLink implements UpstreamLink {
  readonly extensions = offered.extensions;
  readonly usable = true;
  #open = true;
  #draft: Draft | undefined;
  #body: HttpBody | undefined;

  constructor(readonly target: HttpTarget) {}

  get open(): boolean {
    return this.#open;
  }

  mail(path: Path, parameters: MailParameters, origin: Origin): Promise<Reply> {
    this.#draft = { path, parameters, origin, recipients: [], octets: 0 };
    return Promise.resolve(OK);
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    const draft = this.#draft;
    if (draft === undefined) return Promise.resolve(BAD_SEQUENCE);
    const recipient = printRecipient(path, parameters);
    const octets = draft.octets + recipient.length + 2;
    if (octets > MAX_RECIPIENTS) return Promise.resolve(TOO_MANY);
    draft.octets = octets;
    draft.recipients.push(recipient);
    return Promise.resolve(OK);
  }

  data(): Promise<OpenedBody | Reply> {
    const draft = this.#draft;
    this.#draft = undefined;
    if (draft === undefined) return Promise.resolve(BAD_SEQUENCE);
    const { path: reversePath, parameters, recipients, origin } = draft;
    const headers = printEnvelope({ reversePath, parameters }, recipients, origin);
    headers.set("content-type", "message/rfc822");
    headers.set("accept", "text/plain, application/json");
    this.#body = new HttpBody(this.target, headers);
    return Promise.resolve({ body: this.#body });
  }

  reset(): Promise<Reply> {
    this.#draft = undefined;
    return Promise.resolve(OK);
  }

  authenticate(): Promise<Reply> {
    return Promise.resolve(NOT_IMPLEMENTED);
  }

  query(): Promise<Reply> {
    return Promise.resolve(NOT_IMPLEMENTED);
  }

  quit(): Promise<void> {
    this.abort();
    return Promise.resolve();
  }

  abort(): void {
    this.#open = false;
    // Of a message that has been answered nothing is left to call off.
    void this.#body?.cancel();
  }
}
