/**
 * The relay that one writes with smtp-server and nodemailer: messages stream through, each session
 * has one connection to the upstream from its first MAIL on.
 *
 *     deno run --allow-all bench/_relays/nodemailer.ts 2525 25
 *
 * @module
 */

import SMTPConnection from "nodemailer/lib/smtp-connection";
import { SMTPServer } from "smtp-server";

const [port, upstreamPort] = Deno.args.map(Number);
const upstreams = new Map<string, SMTPConnection>();

/** The upstream of a session, connected. */
function upstreamOf(id: string): Promise<SMTPConnection> {
  const known = upstreams.get(id);
  if (known !== undefined) return Promise.resolve(known);
  return new Promise((resolve, reject) => {
    const upstream = new SMTPConnection({
      host: "127.0.0.1",
      port: upstreamPort,
      name: "relay.example",
      ignoreTLS: true,
    });
    upstream.on("error", (error: Error) => {
      upstreams.delete(id);
      reject(error);
    });
    upstream.on("end", () => upstreams.delete(id));
    upstream.connect(() => {
      upstreams.set(id, upstream);
      resolve(upstream);
    });
  });
}

const server = new SMTPServer({
  name: "relay.example",
  authOptional: true,
  hideSTARTTLS: true,
  disabledCommands: ["AUTH", "STARTTLS"],
  disableReverseLookup: true,
  maxClients: 5_000,
  onMailFrom(_address, session, callback) {
    upstreamOf(session.id).then(() => callback(), callback);
  },
  async onData(stream, session, callback) {
    const { mailFrom, rcptTo } = session.envelope;
    const envelope = {
      from: mailFrom ? mailFrom.address : "",
      to: rcptTo.map(({ address }) => address),
    };
    try {
      const upstream = await upstreamOf(session.id);
      upstream.send(envelope, stream, (error) => callback(error));
    } catch (error) {
      stream.resume();
      callback(error as Error);
    }
  },
  onClose(session) {
    upstreams.get(session.id)?.quit();
    upstreams.delete(session.id);
  },
});
server.on("error", () => {});
server.listen(port, "127.0.0.1");
