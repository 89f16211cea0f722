/**
 * The server's side of the Dovecot authentication protocol, version 1.1, as far as Postfix uses it
 * for PLAIN and LOGIN: so a real Postfix checks passwords, and no Dovecot is needed.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";

/** A list of accounts that Postfix can ask. */
export interface Accounts extends AsyncDisposable {
  /** As Postfix's `smtpd_sasl_path` takes it. */
  readonly address: string;
}

const HANDSHAKE = [
  "VERSION\t1\t1",
  "MECH\tPLAIN\tplaintext",
  "MECH\tLOGIN\tplaintext",
  "SPID\t1",
  "CUID\t1",
  `COOKIE\t${"0".repeat(32)}`,
  "DONE",
];

/** A dialogue of one mechanism: yields challenges, takes responses, ends with both credentials. */
type Dialogue = Generator<string, [user: string, password: string], string>;

function* plain(initial: string | undefined): Dialogue {
  // RFC 4616 §2: authorization identity, authentication identity, password.
  const [, user, password] = (initial ?? (yield "")).split("\0");
  return [user, password];
}

function* login(initial: string | undefined): Dialogue {
  return [initial ?? (yield "Username:"), yield "Password:"];
}

/** Serves accounts, given as passwords by user name, on a port of 127.0.0.1. */
export function serveAccounts(accounts: Readonly<Record<string, string>>): Accounts {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();

  const answer = (id: string, step: IteratorResult<string, [string, string]>): string => {
    if (!step.done) return `CONT\t${id}\t${btoa(step.value)}`;
    const [user, password] = step.value;
    const known = Object.hasOwn(accounts, user) && accounts[user] === password;
    return `${known ? "OK" : "FAIL"}\t${id}\tuser=${user}`;
  };

  const serve = async (conn: Deno.Conn) => {
    const writer = conn.writable.getWriter();
    const send = (line: string) => writer.write(new TextEncoder().encode(`${line}\n`));
    const dialogues = new Map<string, Dialogue>();
    for (const line of HANDSHAKE) await send(line);
    const lines = conn.readable.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      const [command, id, value, ...parameters] = line.split("\t");
      if (command === "AUTH") {
        const response = parameters.find((parameter) => parameter.startsWith("resp="));
        const initial = response === undefined ? undefined : atob(response.slice("resp=".length));
        const dialogue = value === "PLAIN" ? plain(initial) : login(initial);
        dialogues.set(id, dialogue);
        await send(answer(id, dialogue.next()));
      } else if (command === "CONT") {
        await send(answer(id, dialogues.get(id)!.next(atob(value))));
      }
    }
  };

  const accepting = (async () => {
    const served: Promise<void>[] = [];
    for await (const conn of listener) {
      connections.add(conn);
      // Postfix, or the end of the test, cuts the connection.
      served.push(serve(conn).catch(() => {}).finally(() => connections.delete(conn)));
    }
    await Promise.all(served);
  })();

  return {
    address: `inet:127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of connections) conn.close();
      await accepting;
    },
  };
}
