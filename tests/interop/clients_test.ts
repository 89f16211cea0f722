import { assert, assertEquals } from "@std/assert";
import { type Authority, type Certificate, createAuthority } from "./_authority.ts";
import { CLIENTS, type Mail, type Security } from "./_clients.ts";
import { assertArrived, type Message, MESSAGES, SMALL } from "./_messages.ts";
import { interop, shared } from "./_tools.ts";
import { startPostfix } from "./_postfix.ts";
import { startSluice } from "./_sluice.ts";

const postfix = shared(startPostfix);

const authority = shared(createAuthority);
let certificate: Promise<Certificate> | undefined;
const certificateOf = (authority: Authority) => certificate ??= authority.issue("localhost");

const mail = (message: Message, ...mailboxes: string[]): Mail => ({
  reversePath: "sender@test.example",
  forwardPaths: mailboxes.map((name) => `${name}@test.example`),
  message,
});

/** How the mail data go to Postfix. */
const forms = [
  { form: "BDAT", chunking: "always" },
  { form: "DATA", chunking: "never" },
];

for (const client of CLIENTS) {
  const needs = ["postfix", ...client.needs];

  for (const { form, chunking } of forms) {
    interop(`${client.name} → sluice → Postfix by ${form}`, needs, async (t) => {
      const server = await postfix();
      const before = (await server.log()).length;
      await using sluice = await startSluice([
        ...["--listen", "127.0.0.1:0"],
        ...["--upstream", `smtp://127.0.0.1:${server.port}?tls=none&chunking=${chunking}`],
      ]);
      const port = sluice.ports[0];
      const send = (...mails: Mail[]) => client.send({ port, security: "none" }, mails);

      for (const message of MESSAGES) {
        await t.step(`octet by octet: ${message.name}`, async () => {
          const { sent, output } = await send(mail(message, "box"));
          assert(sent, output);
          const [delivered] = await server.delivered(1);
          assertEquals(delivered.reversePath, "sender@test.example");
          assertEquals(delivered.forwardPath, "box@test.example");
          assertArrived(delivered.file, message);
        });
      }

      await t.step("several messages one after another", async () => {
        const { sent, output } = await send(...MESSAGES.map((message) => mail(message, "box")));
        assert(sent, output);
        const delivered = await server.delivered(MESSAGES.length);
        for (const message of MESSAGES) {
          const arrived = delivered.find(({ file }) => {
            return new TextDecoder().decode(file).includes(`\nX-Interop: ${message.name}\n`);
          });
          assert(arrived, `"${message.name}" is missing`);
          assertArrived(arrived.file, message);
        }
      });

      await t.step("several recipients, one refused", async () => {
        const { sent, output } = await send(mail(SMALL, "first", "refused", "last"));
        assertEquals(sent, client.toleratesRefusals, output);
        const reached = sent ? ["first@test.example", "last@test.example"] : [];
        const delivered = await server.delivered(reached.length);
        assertEquals(delivered.map(({ forwardPath }) => forwardPath).sort(), reached);
        for (const { file } of delivered) assertArrived(file, SMALL);
      });

      if (client.smtputf8) {
        await t.step("an address in UTF-8", async () => {
          const utf8 = { ...mail(SMALL, "jürgen"), reversePath: "пётр@test.example" };
          const { sent, output } = await send(utf8);
          assert(sent, output);
          const [delivered] = await server.delivered(1);
          assertEquals(delivered.reversePath, utf8.reversePath);
          assertEquals(delivered.forwardPath, utf8.forwardPaths[0]);
          assertArrived(delivered.file, SMALL);
        });
      }

      await t.step(`Postfix saw ${form} only`, async () => {
        await sluice.stop();
        await server.sessionsEnded();
        // At the end of each session Postfix logs how often each command came: `data=1 rcpt=1/2`.
        const counts = (await server.log()).slice(before).matchAll(/ (bdat|data)=\d/g);
        const seen = new Set(Array.from(counts, ([, verb]) => verb.toUpperCase()));
        assertEquals([...seen], [form]);
      });
    });
  }

  interop(`${client.name} over TLS`, [...needs, "openssl"], async (t) => {
    const server = await postfix();
    const { cert, key } = await certificateOf(await authority());
    await using sluice = await startSluice([
      ...["--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--cert", cert, "--key", key],
      ...["--upstream", `smtp://127.0.0.1:${server.port}?tls=none`],
    ]);
    const ports: [Security, number][] = [
      ["starttls", sluice.ports[0]],
      ["implicit", sluice.ports[1]],
    ];
    for (const [security, port] of ports) {
      await t.step(security, async () => {
        const { sent, output } = await client.send(
          { port, security, authority: (await authority()).file },
          [mail(SMALL, "box"), mail(SMALL, "box")],
        );
        assert(sent, output);
        for (const { file } of await server.delivered(2)) assertArrived(file, SMALL);
      });
    }
  });
}
