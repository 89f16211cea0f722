import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { definePolicy, Path, reject, rewrite } from "../../src/policy/mod.ts";
import type { Peer } from "../_dialogue.ts";
import {
  type Ask,
  descriptionOf,
  letGo,
  post,
  read,
  readable,
  say,
  Viewer,
  watched,
} from "./_admin.ts";

/** The text of every answer that can be had without changing anything, and of every stream. */
async function everything(ask: Ask): Promise<Map<string, string>> {
  const { sessions } = await read(await ask("/api/sessions"));
  const { transactions } = await read(await ask("/api/transactions"));
  const description = await descriptionOf(ask);
  const texts = new Map<string, string>();
  for (const { id: session } of sessions) {
    for (const { id: transaction } of [...transactions, { id: "none" }]) {
      const ids = { "/api/sessions": session, "/api/transactions": transaction };
      for (const path of readable(description, ids)) {
        texts.set(path, await (await ask(path)).text());
      }
    }
    const path = `/api/sessions/${session}/stream`;
    texts.set(path, await firstEvent(ask, path));
  }
  for (const path of ["/api/stats/stream", "/api/transactions/stream"]) {
    texts.set(path, await firstEvent(ask, path));
  }
  assert(sessions.length > 0 && transactions.length > 0);
  return texts;
}

async function firstEvent(ask: Ask, path: string): Promise<string> {
  const viewer = new Viewer(await ask(path, { headers: { "last-event-id": "0" } }));
  const told = await viewer.next();
  await viewer.leave();
  return JSON.stringify(told);
}

/** Asserts that none of the words stands in any of the texts, whatever its case. */
function assertNowhere(texts: ReadonlyMap<string, string>, words: readonly string[]): void {
  for (const [path, text] of texts) {
    for (const word of words) {
      const at = text.toLowerCase().indexOf(word.toLowerCase());
      assertEquals(at < 0 ? "" : text.slice(Math.max(0, at - 60), at + 60), "", `${path}: ${word}`);
    }
  }
}

const SECRET = "Hunter2Hunter2";
const PLAIN = btoa(`\0alice\0${SECRET}`);
const ENCODED = btoa(SECRET);

Deno.test("what AUTH is told appears nowhere, whatever is wrong with it", async () => {
  const proxy = { authWithoutTls: true };
  await watched({ offers: ["AUTH PLAIN LOGIN"], proxy }, async ({ stage, ask }) => {
    const client = await stage.ready();
    const own: readonly [line: string, reply: string][] = [
      [`AUTH PLAIN ${PLAIN} ${ENCODED}`, "5*"],
      [`AUTH PLAIN ${SECRET}!`, "5*"],
      [`AUTH`, "5*"],
      [`AUTH ${SECRET}`, "504 *"],
      [`AUTH ${SECRET} ${ENCODED}`, "504 *"],
      [`auth plain\t${PLAIN}`, "5*"],
    ];
    // Mistakes that come in a row end a session.
    for (const row of own) await say(client, row, ["RSET", "250 *"]);
    const lines = [PLAIN, ENCODED, `${SECRET} ${ENCODED}`, `AUTH\t${PLAIN}`, `AUTHPLAIN ${PLAIN}`];
    for (const line of lines) await say(client, [line, "500 *"], ["RSET", "250 *"]);
    await say(client, [`AUTH PLAIN ${PLAIN}\0`, "50*"], ["RSET", "250 *"]);
    await say(client, [`NOOP ${SECRET}`, "250 *"], [`HELP ${SECRET}`, "214 *"]);

    await client.send("AUTH LOGIN\r\n");
    const upstream = await stage.upstream.accept();
    await upstream.expect("AUTH LOGIN");
    await challenge(upstream, client, btoa("Username:"));
    await client.send(`${btoa("alice")}\r\n`);
    await upstream.expect(btoa("alice"));
    await challenge(upstream, client, btoa(`Password, not ${SECRET}:`));
    await client.send(`${ENCODED}\r\n`);
    await upstream.expect(ENCODED);
    await upstream.send("535 5.7.8 No\r\n");
    await client.expect("535 5.7.8 No");

    await client.send("AUTH LOGIN\r\n");
    await upstream.expect("AUTH LOGIN");
    await challenge(upstream, client, "");
    await client.send(`${SECRET} in the clear\r\n`);
    await upstream.expect("*");
    await upstream.send("501 5.7.0 Cancelled\r\n");
    await client.expect("501 *");

    await client.send(`AUTH PLAIN ${PLAIN}\r\n`);
    await upstream.expect(`AUTH PLAIN ${PLAIN}`);
    await upstream.send("235 2.7.0 Ok\r\n");
    await client.expect("235 2.7.0 Ok");
    await say(client, [`AUTH PLAIN ${PLAIN}`, "503 *"]);

    await client.send("MAIL FROM:<a@client.example>\r\n");
    await upstream.expect("MAIL FROM:<a@client.example>*");
    await upstream.send("250 2.1.0 Ok\r\n");
    await say(
      client,
      ["NOOP", "250 2.1.0 Ok"],
      [`AUTH PLAIN ${PLAIN}`, "250 *"],
      [ENCODED, "503 *"],
    );
    await client.expect("500 *");
    await client.send("RSET\r\n");
    await upstream.expect("RSET");
    await upstream.send("250 2.0.0 Ok\r\n");
    await client.expect("250 *");

    const texts = await everything(ask);
    assertStringIncludes([...texts.values()].join(), "AUTH PLAIN …");
    assertStringIncludes([...texts.values()].join(), `"login":"alice"`);
    assertNowhere(texts, [SECRET, PLAIN, ENCODED]);
    client.close();
    await letGo(stage);
  });
});

async function challenge(upstream: Peer, client: Peer, text: string): Promise<void> {
  await upstream.send(`334 ${text}\r\n`);
  await client.expect(`334 ${text}`);
}

Deno.test("redacted: no local-part and no login in any answer", async () => {
  const [alice, bob, carol, dora] = ["alice-loc", "bob-loc", "carol-loc", "dora-loc"];
  const policy = definePolicy({
    name: "names names",
    rcpt: ({ forwardPath: { localPart } }) => {
      if (localPart === dora) return rewrite(Path.from(`${bob}@inner.example`));
      return localPart === carol ? reject(`550 5.7.1 Not for ${carol}`) : undefined;
    },
    data: ({ current: { recipients: [{ forwardPath }] } }) => {
      throw new Error(`cannot deliver to ${forwardPath}`);
    },
  });
  const proxy = { authWithoutTls: true, policy, policyFailure: `451 4.3.0 ${bob} is unlucky` };
  const options = { offers: ["AUTH PLAIN", "DSN", "SIZE 1000"], proxy };
  await watched({ ...options, admin: { addresses: "redacted" } }, async ({ stage, ask }) => {
    const client = await stage.ready();
    await client.send(`AUTH PLAIN ${btoa(`\0${carol}\0secret`)}\r\n`);
    const upstream = await stage.upstream.accept();
    await upstream.expect("AUTH PLAIN *");
    await upstream.send(`235 2.7.0 Welcome ${carol}\r\n`);
    await client.expect(`235 2.7.0 Welcome ${carol}`);
    await say(client, [`VRFY ${bob}`, "252 *"], [`EXPN ${bob}`, "50*"]);
    const relayed = async (line: string, reply: string, told = line): Promise<void> => {
      await client.send(`${line}\r\n`);
      await upstream.expect(`${told}*`);
      await upstream.send(`${reply}\r\n`);
      await client.expect(reply);
    };
    const mail = `MAIL FROM:<${alice}@client.example>`;
    await relayed(`${mail} ENVID=1 AUTH=${carol}@client.example`, `250 2.1.0 ${alice} ok`, mail);
    const orcpt = (name: string) => `ORCPT=rfc822;${name}@upstream.example`;
    const rcpt = (name: string) => `RCPT TO:<${name}@upstream.example>`;
    await relayed(
      `${rcpt(bob)} ${orcpt(bob)}`,
      `250 2.1.5 <${bob}@upstream.example> ok`,
      rcpt(bob),
    );
    await relayed(rcpt("other"), `550 5.1.1 No ${bob} at ${alice}`);
    await relayed(rcpt(dora), "250 2.1.5 Ok", `RCPT TO:<${bob}@inner.example>`);
    await say(client, [rcpt(carol), `550 5.7.1 Not for ${carol}`]);
    await say(client, ["DATA", `451 4.3.0 ${bob} is unlucky`]);
    await relayed("RSET", "250 2.0.0 Reset");
    await relayed(mail, `554 5.7.1 ${alice} may not`);

    // Nor can they be guessed by what a filter finds.
    const plain = { address: `${bob}@`, client: carol, reply: "may not" };
    const shown = { address: "…@client.example", client: "client.example", reply: "554 5.7.1" };
    const found = async (filters: Readonly<Record<string, string>>): Promise<number[]> => {
      const numbers = Object.entries(filters).map(async ([name, text]) => {
        const query = new URLSearchParams({ [name]: text });
        const { transactions } = await read(await ask(`/api/transactions?${query}`));
        // A stream without news says nothing.
        if (transactions.length > 0) {
          const told = await firstEvent(ask, `/api/transactions/stream?${query}`);
          assertEquals(JSON.parse(told).data.transactions.length, transactions.length);
        }
        return transactions.length;
      });
      return await Promise.all(numbers);
    };
    assertEquals(await found(plain), [0, 0, 0]);
    assertEquals(await found(shown), [2, 2, 1]);

    const texts = await everything(ask);
    const body = {
      client: "192.0.2.1",
      login: carol,
      from: `${alice}@client.example`,
      to: [`${bob}@upstream.example`, `${dora}@upstream.example`, `${carol}@upstream.example`],
      message: "Hello",
    };
    const explained = await (await ask("/api/policy/explain", post(body))).text();
    assertStringIncludes(explained, "…@inner.example");
    texts.set("/api/policy/explain", explained);
    assertStringIncludes([...texts.values()].join(), "…@client.example");
    assertNowhere(texts, [alice, bob, carol, dora]);
    client.close();
    await letGo(stage);
  });
});
