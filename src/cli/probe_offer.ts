/**
 * What a server offers: greeting, EHLO, TLS, certificate, pipelining. Sends no mail.
 *
 * @module
 */

import type { TlsFacts } from "../channel.ts";
import type { Extensions } from "../rfc5321/extension.ts";
import type { Reply } from "../rfc5321/reply.ts";
import { UpstreamFailure } from "../session/upstream.ts";
import { connect, type ConnectOptions } from "../upstream/smtp/connect.ts";
import type { SmtpLink } from "../upstream/smtp/link.ts";
import { waitFor } from "../upstream/smtp/timeouts.ts";
import type { Finding } from "./probe_finding.ts";

/**
 * Looks at the offer, in the clear first unless TLS comes with the first octet.
 *
 * @param options With `tls.mode` `none`, TLS is not looked at; with `opportunistic`, the
 * certificate is judged but need not be valid.
 * @throws {UpstreamFailure} If no session came about.
 */
export async function* offerFindings(options: ConnectOptions): AsyncGenerator<Finding> {
  const { tls } = options;
  if (tls.mode === "implicit") return yield* secureFindings(options);
  const { greeting, link } = await greeted({ ...options, tls: { mode: "none" } });
  try {
    yield greetingFinding(greeting);
    yield offerFinding("EHLO in the clear", link.extensions);
    yield loginFinding(link.extensions);
    yield await pipeliningFinding(link);
  } finally {
    await link.quit();
  }
  if (tls.mode === "none") return;
  if (!link.extensions.has("STARTTLS")) {
    return yield { subject: "TLS", status: "WEAK", seen: "STARTTLS is not offered" };
  }
  yield* secureFindings(
    tls.mode === "required"
      ? options
      : { ...options, tls: { mode: "required", verify: { kind: "none" } } },
  );
}

async function* secureFindings(options: ConnectOptions): AsyncGenerator<Finding> {
  const implicit = options.tls.mode === "implicit";
  let behind = 0;
  let session: Awaited<ReturnType<typeof greeted>>;
  try {
    session = await greeted({ ...options, dropped: (octets) => behind += octets });
  } catch (error) {
    if (!(error instanceof UpstreamFailure) || error.kind !== "tls") throw error;
    return yield { subject: "TLS", status: "WEAK", seen: error.message };
  }
  const { greeting, link } = session;
  try {
    if (implicit) yield greetingFinding(greeting);
    yield* tlsFindings(link.tls!);
    yield offerFinding("EHLO under TLS", link.extensions);
    if (implicit) yield await pipeliningFinding(link);
    else yield* afterStartTls(link.extensions, behind);
  } finally {
    await link.quit();
  }
}

/** Connects, and keeps the greeting, which a link does not. */
async function greeted(
  options: ConnectOptions,
): Promise<{ readonly greeting: Reply; readonly link: SmtpLink }> {
  const { observer } = options;
  let greeting: Reply | undefined;
  const link = await connect(
    {
      ...options,
      observer: {
        sent: (line) => observer?.sent(line),
        received: (reply) => {
          greeting ??= reply;
          observer?.received(reply);
        },
      },
    },
    undefined,
    new AbortController().signal,
  );
  return { greeting: greeting!, link };
}

function greetingFinding({ code, text }: Reply): Finding {
  return { subject: "greeting", status: "ok", seen: `${code} ${text}` };
}

function offerFinding(subject: string, extensions: Extensions): Finding {
  const lines = extensions.toLines();
  return { subject, status: "ok", seen: lines.length === 0 ? "no extension" : lines.join(", ") };
}

/** RFC 4954 §4: no mechanism that shows the password without a security layer. */
function loginFinding({ mechanisms }: Extensions): Finding {
  const revealing = mechanisms.filter((name) => name === "PLAIN" || name === "LOGIN");
  return revealing.length === 0
    ? { subject: "AUTH in the clear", status: "ok", seen: "no PLAIN or LOGIN" }
    : { subject: "AUTH in the clear", status: "WEAK", seen: `offers ${revealing.join(", ")}` };
}

function* tlsFindings({ version, cipher, peer }: TlsFacts): Generator<Finding> {
  yield { subject: "TLS", status: "ok", seen: `${version} ${cipher}` };
  if (peer === undefined) {
    return yield { subject: "certificate", status: "WEAK", seen: "none was shown" };
  }
  const { subject, issuer, validTo, fingerprint, verified, problem } = peer;
  const until = Number.isNaN(validTo) ? "unknown" : new Date(validTo).toISOString().slice(0, 10);
  yield {
    subject: "certificate",
    status: verified ? "ok" : "WEAK",
    seen: `"${subject}" by "${issuer}" until ${until}, sha256:${fingerprint}, ` +
      (verified ? "verified" : `not verified: ${problem}`),
  };
}

function* afterStartTls(extensions: Extensions, behind: number): Generator<Finding> {
  // RFC 3207 §4.2
  yield extensions.has("STARTTLS")
    ? { subject: "STARTTLS under TLS", status: "WEAK", seen: "offered again" }
    : { subject: "STARTTLS under TLS", status: "ok", seen: "not offered again" };
  // CVE-2021-38371
  yield behind === 0
    ? { subject: "behind STARTTLS's reply", status: "ok", seen: "nothing" }
    : { subject: "behind STARTTLS's reply", status: "WEAK", seen: `${behind} octets in the clear` };
}

/** RFC 2920 §3.2: commands of one group are answered one by one. */
async function pipeliningFinding(link: SmtpLink): Promise<Finding> {
  const subject = "PIPELINING";
  if (!link.extensions.has(subject)) {
    return { subject, status: "unknown", seen: "not offered, so not tried" };
  }
  const wait = waitFor(link.options.timeouts, "query");
  try {
    const replies = await Promise.all(
      ["RSET", "RSET", "NOOP"].map((line) => link.dialogue.send(line, wait)),
    );
    const codes = replies.map(({ code }) => code).join(", ");
    return { subject, status: "ok", seen: `RSET, RSET, NOOP in one write: ${codes}` };
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    return { subject, status: "WEAK", seen: `offered, but a group of commands: ${error.message}` };
  }
}
