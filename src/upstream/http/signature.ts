/**
 * Signatures of requests (RFC 9421) with HMAC-SHA256, made and checked.
 *
 * Covered are the method, path and query, the time, the whole envelope and, of a message that was held
 * until its end, `Content-Digest` (RFC 9530). The header of a larger one leaves before its last octet is
 * known: then `Signature-Input` does not name `content-digest`, and nothing but TLS protects the body.
 * The list of what is covered is itself signed, so that nobody can make one kind of the other.
 *
 * @module
 */

import { concat, encode } from "../../bytes.ts";
import { envelopeFields } from "./envelope.ts";

/** Octets of the largest message whose digest is signed: it is held until its end. */
export const maxHeld = 65_536;

const FIELDS = ["content-type", "content-digest", ...envelopeFields];
const LABEL = "sluice";
const ALGORITHM = { name: "HMAC", hash: "SHA-256" } as const;

/** Milliseconds that the clocks of both sides may differ, the way included. */
const WINDOW = 300_000;

/** A signature that is not as it should be. Answer 401, and do nothing with the request. */
export class SignatureError extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "SignatureError";
}

/** The `Content-Digest` of octets (RFC 9530 §2). */
export async function digestOf(octets: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", octets as Uint8Array<ArrayBuffer>);
  return `sha-256=:${base64(new Uint8Array(digest))}:`;
}

/**
 * Signs a request: adds `Signature-Input` and `Signature`.
 *
 * @param now Milliseconds since 1970.
 */
export async function sign(
  { url, headers }: { readonly url: string; readonly headers: Headers },
  secret: string,
  now: number,
): Promise<void> {
  const parameters = parametersOf(headers, String(Math.floor(now / 1000)));
  const base = baseOf("POST", new URL(url), headers, parameters);
  const signature = await crypto.subtle.sign(ALGORITHM.name, await keyOf(secret), base);
  headers.set("signature-input", `${LABEL}=${parameters}`);
  headers.set("signature", `${LABEL}=:${base64(new Uint8Array(signature))}:`);
}

/** How {@linkcode verifyRequest} judges. */
export interface VerifyOptions {
  /**
   * Milliseconds by which the time of the signature may differ from ours. Whoever must not take a
   * message twice within them keeps the `Mail-Transaction` of those that he has taken.
   *
   * @default 300000
   */
  readonly window?: number;
  /** Milliseconds since 1970. @default The runtime's clock. */
  readonly now?: number;
  /** The URL as the sender knows it, where something on the way has changed path or query. @default the request's */
  readonly url?: string;
}

/** A request whose signature is good. */
export interface VerifiedRequest {
  /** The message. Where it breaks off it rejects, and then there is no message. */
  readonly content: ReadableStream<Uint8Array>;
  /** Whether the signature covers the message, or only what is said of it. */
  readonly covered: boolean;
}

/**
 * Checks the signature of a request that {@linkcode httpUpstream} has sent, in a time that does not
 * depend on where it is wrong, and the message by its digest where that is signed.
 *
 * @example A receiver
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { httpUpstream, readEnvelope, SignatureError, verifyRequest } from "@sluice/sluice";
 *
 * async function receive(request: Request): Promise<Response> {
 *   try {
 *     const { content } = await verifyRequest(request, "a-secret-that-is-long");
 *     const { recipients } = readEnvelope(request.headers);
 *     const message = await new Response(content).text();
 *     return new Response(`${recipients.length} of ${message.length} octets`);
 *   } catch (error) {
 *     if (!(error instanceof SignatureError)) throw error;
 *     return new Response("Wrong signature", { status: 401 });
 *   }
 * }
 *
 * const unsigned = new Request("https://hook.example/", { method: "POST", body: "Hi\r\n" });
 * assertEquals((await receive(unsigned)).status, 401);
 * const upstream = httpUpstream({ url: "https://hook.example/", secret: "a-secret-that-is-long" });
 * assertEquals(upstream.name, "https://hook.example/");
 * ```
 *
 * @param secret Or several, while one takes the place of another.
 * @throws {SignatureError} If it is missing, wrong or too old, or if the message is not the signed one.
 */
export async function verifyRequest(
  request: Request,
  secret: string | readonly string[],
  options: VerifyOptions = {},
): Promise<VerifiedRequest> {
  const { headers } = request;
  const { window = WINDOW, now = Date.now() } = options;
  const parameters = headers.get("signature-input")?.slice(`${LABEL}=`.length) ?? "";
  const created = /;created=([0-9]{1,12});/.exec(parameters)?.[1] ?? "";
  // What is covered must be all that there is: a field beside it could say anything.
  if (created === "" || parameters !== parametersOf(headers, created)) {
    throw new SignatureError("Cannot verify the request: it is not signed, or not as a whole");
  }
  const base = baseOf(request.method, new URL(options.url ?? request.url), headers, parameters);
  const signature = signatureIn(headers.get("signature") ?? "");
  const secrets = typeof secret === "string" ? [secret] : secret;
  const good = await Promise.all(secrets.map(async (one) =>
    // It compares in constant time.
    await crypto.subtle.verify(ALGORITHM.name, await keyOf(one), signature, base)
  ));
  if (!good.includes(true)) throw new SignatureError("Cannot verify the request: wrong signature");
  if (Math.abs(now - Number(created) * 1000) > window) {
    throw new SignatureError(`Cannot verify the request: signed more than ${window} ms from now`);
  }
  const digest = headers.get("content-digest");
  const content = request.body ?? new ReadableStream({ start: (sink) => sink.close() });
  if (digest === null) return { content, covered: false };
  const octets = await held(content);
  if (octets === undefined || await digestOf(octets) !== digest) {
    throw new SignatureError("Cannot verify the request: another message than the signed one");
  }
  return { content: new Response(octets as Uint8Array<ArrayBuffer>).body!, covered: true };
}

/** The signature parameters (RFC 9421 §2.3): what is covered, in our order, and since when. */
function parametersOf(headers: Headers, created: string): string {
  const covered = ["@method", "@path", "@query", ...FIELDS.filter((name) => headers.has(name))];
  const names = covered.map((name) => `"${name}"`).join(" ");
  return `(${names});created=${created};alg="hmac-sha256"`;
}

/** The signature base (RFC 9421 §2.5). */
function baseOf(
  method: string,
  url: URL,
  headers: Headers,
  parameters: string,
): Uint8Array<ArrayBuffer> {
  const lines = [
    `"@method": ${method}`,
    `"@path": ${url.pathname}`,
    // RFC 9421 §2.2.7: also where there is none.
    `"@query": ${url.search === "" ? "?" : url.search}`,
    ...FIELDS.filter((name) => headers.has(name)).map((name) => `"${name}": ${headers.get(name)}`),
    `"@signature-params": ${parameters}`,
  ];
  return encode(lines.join("\n")) as Uint8Array<ArrayBuffer>;
}

function keyOf(secret: string): Promise<CryptoKey> {
  const octets = encode(secret) as Uint8Array<ArrayBuffer>;
  return crypto.subtle.importKey("raw", octets, ALGORITHM, false, ["sign", "verify"]);
}

function base64(octets: Uint8Array): string {
  return btoa(String.fromCharCode(...octets));
}

/** 32 octets as base64 between colons (RFC 8941 §3.3.5). */
const signatureForm = new RegExp(`^${LABEL}=:([A-Za-z0-9+/]{43}=):$`);

/** No octets where there is none: then it is wrong like any other. */
function signatureIn(text: string): Uint8Array<ArrayBuffer> {
  const match = signatureForm.exec(text);
  return Uint8Array.from(atob(match?.[1] ?? ""), (unit) => unit.charCodeAt(0));
}

/** All of a message that has been held before; `undefined` where it is larger than any such. */
async function held(content: ReadableStream<Uint8Array>): Promise<Uint8Array | undefined> {
  const reader = content.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(pieces);
    pieces.push(value);
    length += value.length;
    if (length > maxHeld) return void await reader.cancel();
  }
}
