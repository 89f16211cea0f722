/**
 * Reads what comes under TLS, and says one octet at its end: by the runtime's own listener, or by that
 * with which STARTTLS is possible.
 *
 *     deno run -A bench/_tls_server.ts native|ours cert.pem key.pem
 *
 * @module
 */

import { createTlsServer, listen, staticCertificates } from "../src/adapters/deno/mod.ts";

const READ = 65_536;
const [kind, certFile, keyFile] = Deno.args;
const [cert, key] = [certFile, keyFile].map((file) => Deno.readTextFileSync(file));

if (kind === "native") {
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  console.log(listener.addr.port);
  const memory = new Uint8Array(READ);
  for await (const conn of listener) {
    while (await conn.read(memory) !== null);
    await conn.write(Uint8Array.of(1));
    conn.close();
  }
} else {
  const tls = createTlsServer({ certificates: staticCertificates([{ cert, key }]) });
  const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
  if (listener.address.transport === "tcp") console.log(listener.address.port);
  for await (const channel of listener) {
    const secure = await tls.accept(channel, AbortSignal.timeout(60_000));
    while (await secure.read(READ) !== undefined);
    await secure.write(Uint8Array.of(1));
    secure.close();
  }
}
