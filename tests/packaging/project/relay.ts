/**
 * What somebody writes who has installed the package: a message goes through a proxy with a policy
 * to a second proxy, which keeps it, all by TCP. It prints the reply codes and what was kept.
 *
 * @module
 */

import {
  type Address,
  CaptureUpstream,
  type Channel,
  type ChannelListener,
  createProxy,
  type Dialer,
  MemoryStore,
  smtpUpstream,
} from "@sluice/sluice";
import { definePolicy, reject, rewrite } from "@sluice/sluice/policy";
import { Reply } from "@sluice/sluice/rfc5321";
import { fuse, LineSplitter, ReplyParser } from "@sluice/sluice/stages";

const dialogue = [
  "EHLO client.example",
  "MAIL FROM:<a@client.example>",
  "RCPT TO:<nobody@mx.example>",
  "RCPT TO:<b@old.example>",
  "DATA",
  "Subject: Hi\r\n\r\n..\r\n.",
  "QUIT",
];

const policy = definePolicy({
  rcpt: ({ forwardPath }) => {
    // A class of one entry, made by another: they must be the same.
    if (forwardPath.localPart === "nobody") return reject(new Reply(550, "5.1.1 Not here"));
    if (forwardPath.domain === "old.example") return rewrite(forwardPath.withDomain("mx.example"));
  },
});

/** Says each line and gives the reply codes, the greeting's first. */
async function talk(channel: Channel): Promise<number[]> {
  const stage = fuse(new LineSplitter({ limit: 512 }), new ReplyParser());
  const replies: Reply[] = [];
  const next = async (): Promise<number> => {
    while (replies.length === 0) {
      const octets = await channel.read();
      if (octets === undefined) throw new Error("The proxy has closed the connection");
      stage.transform(octets, { enqueue: (reply) => replies.push(reply) });
    }
    return replies.shift()!.code;
  };
  const codes = [await next()];
  for (const line of dialogue) {
    await channel.write(new TextEncoder().encode(`${line}\r\n`));
    codes.push(await next());
  }
  channel.close();
  return codes;
}

type TcpTarget = Extract<Address, { transport: "tcp" }>;

function tcpOf(address: Address): TcpTarget {
  if (address.transport !== "tcp") throw new Error(`Listening at ${address.transport}`);
  return address;
}

/** Runs it with what a runtime brings. */
export async function relay(
  listen: (target: TcpTarget) => Promise<ChannelListener>,
  dialer: Dialer,
): Promise<void> {
  const anyPort: TcpTarget = { transport: "tcp", host: "127.0.0.1", port: 0 };
  const store = new MemoryStore();
  const kept = await listen(anyPort);
  const keeper = createProxy({ trace: false, upstream: new CaptureUpstream("kept", store) });
  const filtered = await listen(anyPort);
  const filter = createProxy({
    hostname: "mx.example",
    trace: false,
    policy,
    upstream: smtpUpstream({ target: tcpOf(kept.address), dialer }),
  });
  const served = [keeper.serve(kept), filter.serve(filtered)];
  const codes = await talk(
    await dialer.connect(tcpOf(filtered.address), AbortSignal.timeout(5_000)),
  );
  await filter.close();
  await keeper.close();
  await Promise.all(served);
  const messages = store.messages.map(({ recipients, content }) => ({
    to: recipients.map(({ forwardPath }) => forwardPath.address),
    content: new TextDecoder().decode(content),
  }));
  console.log(JSON.stringify({ codes, messages }));
}
