/** Two Sluices and a WebSocket between them: TCP → WSS → TCP, to a real Postfix. */

import { assertEquals, assertMatch } from "@std/assert";
import { type Authority, createAuthority } from "./_authority.ts";
import { Client } from "./_client.ts";
import { assertArrived, LARGE, MESSAGES } from "./_messages.ts";
import { startPostfix } from "./_postfix.ts";
import { startSluice } from "./_sluice.ts";
import { interop, shared } from "./_tools.ts";
import { encode } from "../../src/bytes.ts";

const postfix = shared(() => startPostfix());
const authority = shared(() => createAuthority());

const TRUSTED = ["--trusted", "127.0.0.0/8"];

/** A file with the token that both sides know; it goes with the authority's. */
async function tokenBeside({ file }: Authority): Promise<string> {
  const path = `${file}.token`;
  await Deno.writeTextFile(path, "a-token-that-is-long-enough\n");
  return path;
}

/** How the client is told from one to the next, and what Postfix then says of it. */
const bridges: readonly {
  readonly name: string;
  readonly far: readonly string[];
  readonly near: readonly string[];
  readonly logged: RegExp;
}[] = [
  {
    name: "PROXY through the WebSocket, then XCLIENT",
    near: ["--identify", "proxy"],
    far: ["--accept", "proxy", "--identify", "xclient"],
    logged: /: client=\S*\[192\.0\.2\.77\]$/m,
  },
  {
    name: "XCLIENT through the WebSocket, then XCLIENT, by two threads",
    near: ["--identify", "xclient"],
    far: ["--accept", "xclient", "--identify", "xclient", "--workers", "2"],
    logged: /: client=\S*\[192\.0\.2\.77\]$/m,
  },
  {
    name: "XFORWARD through the WebSocket, over connections that are kept",
    near: ["--identify", "xforward"],
    far: ["--accept", "xforward", "--identify", "xforward"],
    logged: /, orig_client=\S*\[192\.0\.2\.77\]$/m,
  },
];

for (const { name, far, near, logged } of bridges) {
  interop(`bridge: ${name}`, ["postfix", "openssl"], async () => {
    const server = await postfix();
    const ca = await authority();
    const token = await tokenBeside(ca);
    const { cert, key } = await ca.issue("far.example");
    await using farEnd = await startSluice([
      ...["--listen", `wss://127.0.0.1:0/mail?token=${token}`, "--cert", cert, "--key", key],
      ...["--upstream", `smtp://127.0.0.1:${server.port}?tls=none`, ...TRUSTED, ...far],
    ]);
    const url = `wss://localhost:${farEnd.ports[0]}/mail?ca=${ca.file}&token=${token}`;
    await using nearEnd = await startSluice([
      ...["--listen", "127.0.0.1:0", "--accept", "proxy", ...TRUSTED],
      ...["--upstream", url, ...near],
    ]);
    const header = encode("PROXY TCP4 192.0.2.77 127.0.0.1 4096 25\r\n");
    for (let session = 0; session < 2; session++) {
      using client = await Client.connect(nearEnd.ports[0], header);
      for (const message of session === 0 ? MESSAGES : [LARGE, LARGE]) {
        assertMatch(await client.attempt(message), /^250 /);
        const [{ file, reversePath, forwardPath }] = await server.delivered(1);
        assertEquals([reversePath, forwardPath], ["sender@test.example", "box@test.example"]);
        assertArrived(file, message);
        // What is below the WebSocket is known above it.
        assertMatch(new TextDecoder().decode(file.subarray(0, 2048)), /with ESMTPS id/);
      }
      assertMatch(await client.attempt(LARGE, { to: "refused@test.example" }), /^550 5\.1\.1 /);
      await client.commands("QUIT");
    }
    await server.logged(logged);
  });
}

interop("bridge: a wrong token, and nobody's certificate", ["postfix", "openssl"], async () => {
  const ca = await authority();
  const token = await tokenBeside(ca);
  const wrong = `${token}.wrong`;
  await Deno.writeTextFile(wrong, "another-token-that-is-long-enough\n");
  const { cert, key } = await ca.issue("far.example");
  await using farEnd = await startSluice([
    ...["--listen", `wss://127.0.0.1:0/mail?token=${token}`, "--cert", cert, "--key", key],
  ]);
  const url = `wss://localhost:${farEnd.ports[0]}/mail`;
  const upstreams = [
    `${url}?ca=${ca.file}`,
    `${url}?ca=${ca.file}&token=${wrong}`,
    `${url}?token=${token}`,
  ];
  for (const upstream of upstreams) {
    await using nearEnd = await startSluice(["--listen", "127.0.0.1:0", "--upstream", upstream]);
    using client = await Client.connect(nearEnd.ports[0]);
    assertMatch(await client.attempt(LARGE), /^4/);
  }
});
