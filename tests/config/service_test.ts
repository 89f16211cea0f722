import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { announcementText } from "../../src/cli/announcement.ts";
import { Service } from "../../src/cli/service.ts";
import { systemClock } from "../../src/clock.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { ConfigurationError } from "../../src/config/mistake.ts";
import { MemoryCounters } from "../../src/state/counters.ts";
import { Client } from "./_client.ts";

/** A service whose file a test rewrites. */
class Fixture {
  readonly said: string[] = [];
  service!: Service;

  constructor(public text: string) {}

  async start(): Promise<Service> {
    this.service = await Service.start({
      surroundings: {
        clock: systemClock,
        observers: [],
        counters: {
          live: new MemoryCounters(systemClock),
          shadow: new MemoryCounters(systemClock),
        },
        trouble: (error) => {
          throw error;
        },
      },
      load: () => loadConfiguration("a.toml", () => Promise.resolve(this.text)),
      announce: (what) => this.said.push(announcementText(what)),
    });
    return this.service;
  }

  reload(text: string): Promise<void> {
    this.text = text;
    return this.service.reload();
  }
}

const listenAt = (address: string): string => `[[listen]]\naddress = "${address}"\n`;

/** What a client meets at three points of a session bears the name of the configuration. */
function configuration(name: string, address = "127.0.0.1:0"): string {
  const rule = (at: string, key: string) => `
    [[rule]]
    name = "${at}"
    at = "${at}"
    when.${key} = "probe@*"
    then.reject = "550 5.7.1 ${name}"
  `;
  return `hostname = "${name}.example"\n${listenAt(address)}` +
    rule("mail", "sender") + rule("rcpt", "recipient");
}

/** One session, with what it was told of the configuration at each of the three points. */
async function session(service: Service): Promise<readonly string[]> {
  const client = await Client.connect(service.addresses[0]);
  const greeting = await client.reply();
  await client.say("HELO client.example");
  const mail = await client.say("MAIL FROM:<probe@client.example>");
  await client.say("MAIL FROM:<a@client.example>");
  const rcpt = await client.say("RCPT TO:<probe@mx.example>");
  const quit = await client.say("QUIT");
  await client.close();
  return [greeting, mail, rcpt, quit];
}

const told = (name: string): readonly string[] => [
  `220 ${name}.example ESMTP`,
  `550 5.7.1 ${name}`,
  `550 5.7.1 ${name}`,
  "221 2.0.0 Closing",
];

Deno.test("reload under load: no session is refused or sees a mixed configuration", async () => {
  const fixture = new Fixture(configuration("a"));
  const service = await fixture.start();
  const sessions: (readonly string[])[] = [];
  let flipping = true;
  const client = async (): Promise<void> => {
    while (flipping) sessions.push(await session(service));
  };
  const clients = Array.from({ length: 4 }, client);
  for (let flip = 0; flip < 20; flip++) {
    // Some clients are in the middle of a session, whatever the others do.
    await session(service);
    await fixture.reload(configuration(flip % 2 === 0 ? "b" : "a"));
  }
  flipping = false;
  await Promise.all(clients);
  await service.close(0);
  const names = sessions.map(([greeting]) => greeting.slice(4, 5));
  assertEquals(sessions, names.map(told));
  assert(names.includes("a") && names.includes("b"), names.join());
  assertEquals(fixture.said.length, 1);
});

Deno.test("a session keeps the configuration that it began with", async () => {
  const fixture = new Fixture(configuration("a"));
  const service = await fixture.start();
  const client = await Client.connect(service.addresses[0]);
  assertEquals(await client.reply(), "220 a.example ESMTP");
  await client.say("HELO client.example");
  await fixture.reload(configuration("b"));
  assertEquals(await client.say("MAIL FROM:<probe@client.example>"), "550 5.7.1 a");
  assertEquals(await session(service), told("b"));
  await client.close();
  await service.close(0);
});

Deno.test("a reload that fails changes nothing", async () => {
  const fixture = new Fixture(configuration("a"));
  const service = await fixture.start();
  const [taken] = service.addresses;
  assert(taken.transport === "tcp");
  const wrong: readonly (readonly [text: string, says: string])[] = [
    ["trace = 1", "a.toml:1:1: trace: found 1, allowed is true or false"],
    [
      `${configuration("b")}\n[tables.a]\nfile = "/absent"`,
      'tables.a.file: found "/absent", allowed is a table that can be read',
    ],
    [
      `${configuration("b")}\n[upstream]\nurl = "capture:/dev/null/mail"`,
      'upstream.url: found "capture:/dev/null/mail", allowed is a directory that can be written',
    ],
    [
      listenAt("127.0.0.1:0") + listenAt(`127.0.0.1:${taken.port}`),
      `a.toml:4:1: listen[1].address: found "127.0.0.1:${taken.port}", allowed is an address that`,
    ],
  ];
  for (const [text, says] of wrong) {
    const { message } = await assertRejects(() => fixture.reload(text), ConfigurationError);
    assert(message.includes(says), message);
    assertEquals([service.addresses, await session(service)], [[taken], told("a")]);
  }
  assertEquals(fixture.said.length, 1);
  await service.close(0);
});

Deno.test("listeners are opened and closed by a reload, sessions go on", async () => {
  const fixture = new Fixture(configuration("a"));
  const service = await fixture.start();
  const [first] = service.addresses;
  const client = await Client.connect(first);
  await client.reply();

  await fixture.reload(configuration("b") + listenAt("127.0.0.1:0"));
  const [same, second] = service.addresses;
  assertEquals(same, first);

  await fixture.reload(listenAt("localhost:0"));
  assertEquals(service.addresses.length, 1);
  for (const closed of [first, second]) {
    // Refused, or reset where the system has not closed it yet.
    await assertRejects(async () => await (await Client.connect(closed)).reply());
  }
  assertEquals(fixture.said.map((line) => line.split(" ")[0]), [
    ...["listening", "listening", "listening", "closed", "closed"],
  ]);
  assertEquals(await client.say("HELO client.example"), "250 a.example");
  await client.close();
  await service.close(0);
});

Deno.test("a listener gets other options without being closed", async () => {
  const fixture = new Fixture(listenAt("127.0.0.1:0"));
  const service = await fixture.start();
  const offer = async (): Promise<boolean> => {
    const client = await Client.connect(service.addresses[0]);
    await client.reply();
    const answered = await client.say("XCLIENT NAME=a.example");
    await client.close();
    return answered.startsWith("220 ");
  };
  assertEquals(await offer(), false);
  await fixture.reload(`${listenAt("127.0.0.1:0")}xclient = ["127.0.0.1"]`);
  assertEquals(await offer(), true);
  await service.close(0);
  assertEquals(fixture.said.length, 1);
});

Deno.test("counts go on from one configuration to the next", async () => {
  const counting = (name: string) =>
    `${listenAt("127.0.0.1:0")}
    [[rule]]
    name = "too many"
    at = "connect"
    when.rate = { of = "all", per = "24h", above = 1 }
    then.reject = "554 5.7.1 ${name}"
  `;
  const fixture = new Fixture(counting("a"));
  const service = await fixture.start();
  const greeting = async (): Promise<string> => {
    const client = await Client.connect(service.addresses[0]);
    const reply = await client.reply();
    await client.close();
    return reply.slice(0, 3);
  };
  assertEquals(await greeting(), "220");
  await fixture.reload(counting("b"));
  assertEquals(await greeting(), "554");
  await service.close(0);
});

Deno.test("a recording goes on from one configuration to the next", async () => {
  const directory = await Deno.makeTempDir({ prefix: "sluice-record-" });
  const record = (name: string) => `record = "${directory}/${name}"\n`;
  const fixture = new Fixture(record("a") + configuration("a"));
  const service = await fixture.start();
  await session(service);
  await fixture.reload(record("a") + configuration("b"));
  await session(service);
  await fixture.reload(record("b") + configuration("b"));
  await session(service);
  await fixture.reload(configuration("b"));
  await session(service);
  const { message } = await assertRejects(
    () => fixture.reload(`record = "${directory}"`),
    ConfigurationError,
  );
  assertStringIncludes(message, `a.toml:1:1: record: found "${directory}", allowed is a file that`);
  await service.close(0);
  const sessionsIn = async (name: string): Promise<number> => {
    const lines = (await Deno.readTextFile(`${directory}/${name}`)).trim().split("\n");
    return new Set(lines.map((line) => JSON.parse(line).session.id ?? JSON.parse(line).session))
      .size;
  };
  assertEquals([await sessionsIn("a"), await sessionsIn("b")], [2, 1]);
  await Deno.remove(directory, { recursive: true });
});
