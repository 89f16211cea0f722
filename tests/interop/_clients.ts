/**
 * The programs and libraries that people send mail with, under one interface.
 *
 * @module
 */

/// <reference types="./_nodemailer.d.ts" />

import nodemailer from "nodemailer";
import { Buffer } from "node:buffer";
import { concat, encode } from "../../src/bytes.ts";
import { dotStuffed, type Message } from "./_messages.ts";
import { run } from "./_tools.ts";

/** How the session is protected. */
export type Security = "none" | "starttls" | "implicit";

/** Where a client connects to, always 127.0.0.1. */
export interface Server {
  readonly port: number;
  readonly security: Security;
  /** PEM file of the authority that the server's certificate must chain to; needed for TLS. */
  readonly authority?: string;
}

/** A message and its envelope. */
export interface Mail {
  readonly reversePath: string;
  readonly forwardPaths: readonly string[];
  readonly message: Message;
}

/** What the client's user gets to see. */
export interface Outcome {
  /** Whether the client called it a success for at least one recipient. */
  readonly sent: boolean;
  /** What it said, for a failed test's message. */
  readonly output: string;
}

/** One program or library. */
export interface MailClient {
  readonly name: string;
  readonly needs: readonly string[];
  /** Whether it sends to the others when one recipient is refused. */
  readonly toleratesRefusals: boolean;
  /** Whether it knows SMTPUTF8 (RFC 6531). */
  readonly smtputf8: boolean;
  /** Sends all of them, in one session where the client can. */
  send(server: Server, mails: readonly Mail[]): Promise<Outcome>;
}

async function withFiles<T>(
  messages: readonly Uint8Array[],
  use: (files: readonly string[]) => Promise<T>,
): Promise<T> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-mail-" });
  try {
    const files = messages.map((_, index) => `${directory}/${index}.eml`);
    await Promise.all(files.map((file, index) => Deno.writeFile(file, messages[index])));
    return await use(files);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function oneByOne<T>(
  items: readonly T[],
  send: (item: T) => Promise<Outcome>,
): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const item of items) outcomes.push(await send(item));
  return {
    sent: outcomes.every(({ sent }) => sent),
    output: outcomes.map(({ output }) => output).join("\n"),
  };
}

const octetsOf = (mails: readonly Mail[]) => mails.map(({ message }) => message.octets);

const isAscii = (octets: Uint8Array) => octets.every((octet) => octet < 0x80);
const isAsciiText = (text: string) => isAscii(encode(text));

const swaks: MailClient = {
  name: "swaks",
  needs: ["swaks"],
  toleratesRefusals: true,
  smtputf8: false,
  send(server, mails) {
    const tls: Record<Security, string[]> = {
      none: [],
      starttls: ["--tls", "--tls-verify", "--tls-ca-path", server.authority!],
      implicit: ["--tls-on-connect", "--tls-verify", "--tls-ca-path", server.authority!],
    };
    // Left to itself swaks takes a last line that is a full stop for the end of mail data.
    const mailData = octetsOf(mails).map((octets) => concat([dotStuffed(octets), encode(".")]));
    return withFiles(
      mailData,
      (files) =>
        oneByOne([...mails.entries()], async ([index, { reversePath, forwardPaths }]) => {
          const { code, output } = await run("swaks", [
            ...["--server", "127.0.0.1", "--port", `${server.port}`, ...tls[server.security]],
            ...["--from", reversePath, "--to", forwardPaths.join(",")],
            ...["--no-data-fixup", "--data", `@${files[index]}`, "--hide-send"],
          ]);
          return { sent: code === 0, output };
        }),
    );
  },
};

const curl: MailClient = {
  name: "curl",
  needs: ["curl"],
  toleratesRefusals: false,
  smtputf8: true,
  send: (server, mails) =>
    withFiles(octetsOf(mails), async (files) => {
      const scheme = server.security === "implicit" ? "smtps" : "smtp";
      const tls = server.security === "none" ? [] : ["--ssl-reqd", "--cacert", server.authority!];
      const transfers = files.map((file, index) => [
        ...["--silent", "--show-error", "--fail-early", ...tls],
        ...["--url", `${scheme}://127.0.0.1:${server.port}/client.example.net`],
        ...["--mail-from", mails[index].reversePath, "--upload-file", file],
        ...mails[index].forwardPaths.flatMap((path) => ["--mail-rcpt", path]),
      ]);
      const args = transfers.flatMap((transfer) => ["--next", ...transfer]).slice(1);
      const { code, output } = await run("curl", args);
      return { sent: code === 0, output };
    }),
};

const msmtp: MailClient = {
  name: "msmtp",
  needs: ["msmtp"],
  toleratesRefusals: false,
  smtputf8: false,
  send: (server, mails) =>
    oneByOne(mails, async ({ reversePath, forwardPaths, message }) => {
      const tls: Record<Security, string[]> = {
        none: ["--tls=off"],
        starttls: ["--tls=on", "--tls-starttls=on", `--tls-trust-file=${server.authority}`],
        implicit: ["--tls=on", "--tls-starttls=off", `--tls-trust-file=${server.authority}`],
      };
      const { code, output } = await run("msmtp", [
        ...["--host=127.0.0.1", `--port=${server.port}`, ...tls[server.security]],
        ...[`--from=${reversePath}`, "--", ...forwardPaths],
      ], { input: message.octets });
      return { sent: code === 0, output };
    }),
};

const SMTPLIB = `
import json, smtplib, ssl, sys
job = json.load(sys.stdin)
security, port = job["security"], job["port"]
context = ssl.create_default_context(cafile=job["authority"]) if security != "none" else None
if security == "implicit":
    session = smtplib.SMTP_SSL("127.0.0.1", port, context=context)
else:
    session = smtplib.SMTP("127.0.0.1", port)
with session:
    if security == "starttls":
        session.starttls(context=context)
    for mail in job["mails"]:
        with open(mail["file"], "rb") as file:
            session.sendmail(mail["from"], mail["to"], file.read(), mail["options"])
`;

const smtplib: MailClient = {
  name: "Python's smtplib",
  needs: ["python3"],
  toleratesRefusals: true,
  smtputf8: true,
  send: (server, mails) =>
    withFiles(octetsOf(mails), async (files) => {
      const job = {
        ...server,
        mails: mails.map(({ reversePath, forwardPaths, message }, index) => ({
          file: files[index],
          from: reversePath,
          to: forwardPaths,
          options: [
            ...isAscii(message.octets) ? [] : ["BODY=8BITMIME"],
            ...[reversePath, ...forwardPaths].every(isAsciiText) ? [] : ["SMTPUTF8"],
          ],
        })),
      };
      const input = encode(JSON.stringify(job));
      const { code, output } = await run("python3", ["-c", SMTPLIB], { input });
      return { sent: code === 0, output };
    }),
};

const nodemailerPool: MailClient = {
  name: "nodemailer",
  needs: [],
  toleratesRefusals: true,
  smtputf8: true,
  async send(server, mails) {
    const transport = nodemailer.createTransport({
      host: "127.0.0.1",
      port: server.port,
      name: "client.example.net",
      pool: true,
      maxConnections: 1,
      secure: server.security === "implicit",
      requireTLS: server.security === "starttls",
      ignoreTLS: server.security === "none",
      ...server.authority !== undefined && {
        tls: { ca: await Deno.readTextFile(server.authority), servername: "localhost" },
      },
    });
    try {
      const sent = mails.map(({ reversePath, forwardPaths, message }) =>
        transport.sendMail({
          envelope: {
            from: reversePath,
            to: forwardPaths,
            use8BitMime: !isAscii(message.octets),
          },
          raw: Buffer.from(message.octets),
        })
      );
      const infos = await Promise.all(sent);
      return { sent: true, output: infos.map(({ response }) => response).join("\n") };
    } catch (error) {
      return { sent: false, output: String(error) };
    } finally {
      transport.close();
    }
  },
};

/** Every client that the tests send with. */
export const CLIENTS: readonly MailClient[] = [swaks, curl, msmtp, smtplib, nodemailerPool];
