import { assert, assertEquals, assertMatch } from "@std/assert";
import { defer, definePolicy, disconnect, reject } from "../../src/policy/mod.ts";
import { rest } from "../_dialogue.ts";
import { encode } from "../../src/bytes.ts";
import { codeOf, envelope, MESSAGE, message, onGateway, pieces, read } from "./_gateway.ts";

Deno.test("a message: octet for octet, and the upstream's reply", async () => {
  await onGateway({}, async ({ stage, post }) => {
    const answer = post();
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL FROM:<a@x.example> BODY=8BITMIME", "RCPT TO:<b@y.example>");
    await upstream.send("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n");
    assertEquals(await message(upstream, "250-2.0.0 Taken\r\n250 2.0.0 as 4f3"), MESSAGE);
    assertEquals(await read(await answer, 200), {
      recipients: [{ address: "b@y.example", code: 250, enhanced: "2.0.0", text: "Taken as 4f3" }],
    });
  });
});

Deno.test("an upstream without CHUNKING: dots are doubled, and the last line is ended", async () => {
  await onGateway({ offers: ["PIPELINING"] }, async ({ stage, post }) => {
    const answer = post({ body: "Subject: Hi\r\n\r\n.\r\nno end" });
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    await upstream.expect("DATA");
    await upstream.send("354 Go on\r\n");
    assertEquals(await upstream.through("\r\n.\r\n"), "Subject: Hi\r\n\r\n..\r\nno end\r\n.\r\n");
    await upstream.send("250 Ok\r\n");
    assertEquals((await read(await answer, 200)).recipients[0].enhanced, "2.0.0");
  });
});

Deno.test("recipients: each has its own reply, and the message goes to those that were taken", async () => {
  await onGateway({}, async ({ stage, post }) => {
    const answer = post({ query: "?from=&to=b@y.example&to=c@y.example&to=d@y.example" });
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL FROM:<>*");
    await upstream.expect(
      "RCPT TO:<b@y.example>",
      "RCPT TO:<c@y.example>",
      "RCPT TO:<d@y.example>",
    );
    await upstream.send("250 Ok\r\n550 5.1.1 Unknown\r\n250 Ok\r\n452 4.2.2 Full\r\n");
    await message(upstream);
    assertEquals(await read(await answer, 207), {
      recipients: [
        { address: "b@y.example", code: 550, enhanced: "5.1.1", text: "Unknown" },
        { address: "c@y.example", code: 250, enhanced: "2.0.0", text: "Taken" },
        { address: "d@y.example", code: 452, enhanced: "4.2.2", text: "Full" },
      ],
    });
  });
});

Deno.test("nobody taken: no mail data, the body is not read", async () => {
  await onGateway({}, async ({ stage, post }) => {
    const { body, send } = pieces();
    const sent = send(MESSAGE).catch(() => "cancelled");
    const answer = post({ body });
    const upstream = await stage.upstream.accept();
    await envelope(upstream, "550 5.1.1 Unknown");
    const { error, recipients } = await read(await answer, 422);
    assertEquals(error, {
      code: "rejected",
      message: "Cannot send the message to any recipient: 550 5.1.1 Unknown",
    });
    assertEquals(recipients.length, 1);
    await sent;
    await rest();
    assert(upstream.ended);
    assertEquals(upstream.take(), "");
  });
});

Deno.test("the policy refuses at every phase, with the status that fits", async () => {
  const no = () => reject("550 5.7.1 Not welcome");
  const later = () => defer("451 4.7.1 Later");
  for (
    const [phases, status, code] of [
      [{ connect: no }, 403, "forbidden"],
      [{ ehlo: no }, 403, "forbidden"],
      [{ mail: no }, 403, "forbidden"],
      [{ rcpt: no }, 403, "forbidden"],
      [{ rcpt: () => reject("550 5.1.1 Unknown") }, 422, "rejected"],
      [{ rcpt: () => disconnect("554 5.7.1 Away") }, 403, "forbidden"],
      [{ connect: later }, 503, "deferred"],
      [{ mail: later }, 503, "deferred"],
      [{ rcpt: later }, 503, "deferred"],
    ] as const
  ) {
    const proxy = { policy: definePolicy(phases), eagerMail: false };
    await onGateway({ proxy }, async ({ post }) => {
      const answer = await post();
      assertEquals(answer.headers.get("retry-after"), status === 503 ? "60" : null);
      assertEquals(await codeOf(answer, status), code, JSON.stringify(Object.keys(phases)));
    });
  }
});

Deno.test("the policy refuses the content: the upstream sees no end", async () => {
  const policy = definePolicy({ content: () => reject("550 5.7.1 Spam") });
  await onGateway({ proxy: { policy } }, async ({ stage, post }) => {
    const answer = post();
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    // The last chunk waits for the verdict.
    await upstream.expect("RSET");
    await upstream.send("250 Ok\r\n");
    assertEquals(await codeOf(await answer, 403), "forbidden");
  });
});

Deno.test("a policy sees who it is: address, login, listener, HELO name", async () => {
  const seen: unknown[] = [];
  const policy = definePolicy({
    mail: ({ client, listener }) => {
      seen.push([listener, client.address, client.login, client.hello, client.extended]);
      return reject("550 5.7.1 No");
    },
  });
  const token = "sixteen-characters-or-more";
  const gateway = { tokens: { shop: [token] }, client: (_: Request, info: string) => info };
  await onGateway({ proxy: { policy }, gateway }, async ({ post }) => {
    assertEquals((await post({ headers: { authorization: `Bearer ${token}` } })).status, 403);
    assertEquals(seen, [["gateway", "192.0.2.7", "shop", "[192.0.2.7]", true]]);
  });
});

Deno.test("the trace header names the link", async () => {
  const gateway = { client: (_: Request, info: string) => info };
  await onGateway({ proxy: { trace: true }, gateway }, async ({ stage, post }) => {
    const answer = post();
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    const content = await message(upstream);
    assert(content.endsWith(`+0000\r\n${MESSAGE}`), content);
    assertMatch(
      content,
      /^Received: from \[192\.0\.2\.7\] \(\[192\.0\.2\.7\]\)\r\n\tby proxy\.example via HTTP with ESMTP id /,
    );
    await read(await answer, 200);
  });
});

Deno.test("no address: whoever it is stays unknown", async () => {
  await onGateway({ proxy: { trace: true } }, async ({ stage, post }) => {
    const answer = post();
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    assertMatch(await message(upstream), /^Received: from localhost \(unknown\)/);
    await read(await answer, 200);
  });
});

Deno.test("an abort in mid-body: the upstream sees no end of the message", async () => {
  await onGateway({}, async ({ stage, post }) => {
    const { body, send, abort } = pieces();
    const answer = post({ body });
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    await send("x".repeat(70_000) + "\r\n");
    await upstream.expect("BDAT *");
    await rest();
    await abort();
    assertEquals(await codeOf(await answer, 400), "cut-off");
    await rest();
    assert(upstream.ended);
    assertEquals(/LAST|\r\nQUIT/.exec(upstream.take()), null);
  });
});

Deno.test("the upstream dies: 503, whenever that is", async () => {
  const large = `${"x".repeat(199_998)}\r\n`;
  await onGateway({}, async ({ stage, post }) => {
    for (
      const [moment, replies, body] of [
        ["MAIL", 0, MESSAGE],
        ["RCPT", 1, MESSAGE],
        ["a chunk", 2, large],
        ["the end", 2, MESSAGE],
      ] as const
    ) {
      const answer = post({ body });
      const upstream = await stage.upstream.accept();
      await upstream.expect("MAIL FROM:<a@x.example>*", "RCPT TO:<b@y.example>");
      await upstream.send("250 Ok\r\n".repeat(replies));
      if (replies === 2) {
        await upstream.expect(moment === "the end" ? `BDAT ${MESSAGE.length} LAST` : "BDAT *");
      }
      upstream.reset();
      const { recipients } = await read(await answer, 503);
      assertEquals([recipients[0].code, recipients[0].enhanced], [451, "4.4.2"], moment);
      upstream.take();
    }
  });
});

Deno.test("nobody is there: 503", async () => {
  await onGateway({}, async ({ stage, post }) => {
    stage.upstream.refusals = 1;
    const { recipients } = await read(await post(), 503);
    assertEquals([recipients[0].code, recipients[0].enhanced], [421, "4.4.1"]);
  });
});

Deno.test("a body that is slower than allowed: 408, and no end of the message", async () => {
  await onGateway({ gateway: { timeout: 5_000 } }, async ({ stage, post }) => {
    const { body, send } = pieces();
    const answer = post({ body });
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    await send("Subject: Hi\r\n");
    await stage.clock.advance(4_999);
    await send("\r\n");
    await stage.clock.advance(4_999);
    const reading = send("x");
    await rest();
    await stage.clock.advance(5_000);
    assertEquals(await codeOf(await answer, 408), "too-slow");
    await reading;
    await rest();
    assert(upstream.ended);
    assertEquals(upstream.take(), "");
  });
});

Deno.test("an upstream that does not read holds the HTTP client back", async () => {
  await onGateway({ proxy: { limits: { messageSize: 100_000_000 } } }, async ({ stage, post }) => {
    const piece = encode(`${"x".repeat(16_382)}\r\n`);
    let sent = 0;
    let stop = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (stop) return controller.close();
        sent += piece.length;
        controller.enqueue(piece);
      },
    }, { highWaterMark: 0 });
    const answer = post({ body });
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    upstream.pause();
    await rest();
    await rest();
    const held = sent;
    assert(held < 600_000, `${held} octets were taken`);
    await rest();
    assertEquals(sent, held);
    stop = true;
    upstream.resume();
    assertEquals((await message(upstream)).length, sent);
    await read(await answer, 200);
  });
});

Deno.test("too large: by what is declared, and by what comes", async () => {
  await onGateway({ proxy: { limits: { messageSize: 100_000 } } }, async ({ stage, post }) => {
    const declared = await post({ headers: { "content-length": "100001" } });
    assertEquals(await codeOf(declared, 413), "too-large");

    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(encode(`${"x".repeat(16_382)}\r\n`));
      },
    });
    const answer = post({ body });
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    assertEquals(/LAST/.exec(await upstream.through("RSET\r\n")), null);
    await upstream.send("250 Ok\r\n");
    assertEquals(await codeOf(await answer, 413), "too-large");
    assert(pulled < 40, `${pulled} pieces were pulled`);
  });
});

Deno.test("a CR or LF by itself: refused, or repaired", async () => {
  await onGateway({}, async ({ stage, post }) => {
    const answer = post({ body: "Subject: Hi\n\nHello\n" });
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    await upstream.expect("RSET");
    await upstream.send("250 Ok\r\n");
    const { recipients } = await read(await answer, 422);
    assertEquals(recipients[0].text, "Bare CR or LF in the message");
  });
  await onGateway({ gateway: { bareNewline: "normalize" } }, async ({ stage, post }) => {
    const answer = post({ body: "Subject: Hi\n\nHello\n" });
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    assertEquals(await message(upstream), "Subject: Hi\r\n\r\nHello\r\n");
    await read(await answer, 200);
  });
  await onGateway({ gateway: { bareNewline: "normalize" } }, async ({ stage, post }) => {
    const answer = post({ body: "Subject: Hi\r\n\0.\r\n" });
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    assertEquals(await codeOf(await answer, 422), "unsound");
    await rest();
    assertEquals(/LAST/.exec(upstream.take()), null);
  });
});

Deno.test("newlines of BINARYMIME are data", async () => {
  const offers = ["PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME"];
  await onGateway({ offers, gateway: { bareNewline: "normalize" } }, async ({ stage, post }) => {
    const query = "?from=<a@x.example> BODY=BINARYMIME&to=b@y.example";
    const answer = post({ query, body: "Subject: Hi\r\n\r\n\n\r\0" });
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL FROM:<a@x.example> BODY=BINARYMIME", "RCPT TO:<b@y.example>");
    await upstream.send("250 Ok\r\n250 Ok\r\n");
    assertEquals(await message(upstream), "Subject: Hi\r\n\r\n\n\r\0");
    await read(await answer, 200);
  });
});

Deno.test("a form that never gets to its message ends after an hour", async () => {
  await onGateway({}, async ({ stage, post }) => {
    const { body, send } = pieces();
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const answer = post({ headers, body });
    await send("--b\r\n");
    for (let minutes = 0; minutes < 60; minutes += 2) {
      await send("x");
      await rest();
      await stage.clock.advance(120_000);
    }
    assertEquals(await codeOf(await answer, 408), "too-slow");
  });
});

Deno.test("a token stands for AUTH", async () => {
  const token = "sixteen-characters-or-more";
  const proxy = { auth: "require" } as const;
  await onGateway({ proxy }, async ({ post }) => {
    assertEquals(await codeOf(await post(), 403), "forbidden");
  });
  const gateway = { tokens: { shop: [token] } };
  await onGateway({ proxy, gateway }, async ({ stage, post }) => {
    const answer = post({ headers: { authorization: `Bearer ${token}` } });
    const upstream = await stage.upstream.accept();
    await envelope(upstream);
    await message(upstream);
    await read(await answer, 200);
  });
});

Deno.test("a proxy that shuts down takes no message", async () => {
  await onGateway({}, async ({ stage, post }) => {
    await stage.proxy.close();
    const { recipients } = await read(await post(), 503);
    assertEquals(recipients[0].code, 421);
  });
});
