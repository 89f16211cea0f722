/** What the configuration's `record` and `shadow` do while the program serves. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openLog } from "../../src/cli/log.ts";
import { Service } from "../../src/cli/service.ts";
import { systemClock } from "../../src/clock.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { Client } from "../config/_client.ts";

const LISTEN = `[[listen]]\naddress = "127.0.0.1:0"\n`;

async function served(
  files: Readonly<Record<string, string>>,
  use: (service: Service, directory: string) => Promise<void>,
  afterwards: (directory: string) => Promise<void> = () => Promise.resolve(),
): Promise<string[]> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-record-" });
  const lines: string[] = [];
  const log = openLog({
    format: "text",
    level: "info",
    addresses: "plain",
    clock: systemClock,
    write: (text) => void lines.push(...text.split("\n").slice(0, -1)),
  });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
    const service = await Service.start({
      surroundings: {
        clock: systemClock,
        observers: [log.observer],
        trouble: (error) => {
          throw error;
        },
      },
      load: () => loadConfiguration(`${directory}/sluice.toml`, Deno.readTextFile),
      announce: () => {},
    });
    try {
      await use(service, directory);
    } finally {
      await service.close(0);
    }
    await afterwards(directory);
  } finally {
    await log.close();
    await Deno.remove(directory, { recursive: true });
  }
  return lines;
}

async function mailFrom(service: Service, sender: string): Promise<string> {
  const client = await Client.connect(service.addresses[0]);
  await client.reply();
  await client.say("HELO client.example");
  const reply = await client.say(`MAIL FROM:<${sender}>`);
  await client.say("QUIT");
  await client.close();
  return reply;
}

Deno.test("record: appended to its file, for its owner only, across a reload", async () => {
  const config = `record = "record"\nrecord-addresses = "hashed"\n${LISTEN}`;
  await served({ "sluice.toml": config }, async (service) => {
    await mailFrom(service, "alice@client.example");
    await service.reload();
    await mailFrom(service, "alice@client.example");
  }, async (directory) => {
    const { mode } = await Deno.stat(`${directory}/record`);
    assertEquals(mode! & 0o777, 0o600);
    const text = await Deno.readTextFile(`${directory}/record`);
    const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    const senders = lines.filter(({ phase }) => phase === "mail").map(({ about }) => about);
    assertEquals(senders.map((address) => address.split("@")[1]), Array(2).fill("client.example"));
    assertEquals(text.includes("alice"), false);
  });
});

Deno.test("record: the file is opened once, and once more where another is named", async () => {
  const opened: string[] = [];
  const { open } = Deno;
  Deno.open = (path, options) => {
    opened.push(String(path).split("/").at(-1)!);
    return open(path, options);
  };
  try {
    await served({ "sluice.toml": `record = "one"\n${LISTEN}` }, async (service, directory) => {
      await service.reload();
      await Deno.writeTextFile(`${directory}/sluice.toml`, `record = "two"\n${LISTEN}`);
      await service.reload();
    });
  } finally {
    Deno.open = open;
  }
  assertEquals(opened, ["one", "two"]);
});

Deno.test("record: a file that cannot be written is a mistake in the configuration", async () => {
  const config = `record = "none/record"\n${LISTEN}`;
  const error = await assertRejects(() =>
    served({ "sluice.toml": config }, () => Promise.resolve())
  );
  assertStringIncludes(String(error), "sluice.toml:1:1: record: found");
});

Deno.test("shadow: differences are logged, with the rule that makes them", async () => {
  const rule = `
    [[rule]]
    name = "no spam"
    at = "mail"
    when.sender = "*@spam.example"
    then.reject = "550 5.7.1 No"
  `;
  const files = { "sluice.toml": `shadow = "new.toml"\n${LISTEN}`, "new.toml": rule };
  const lines = await served(files, async (service) => {
    assertEquals((await mailFrom(service, "a@spam.example")).slice(0, 3), "250");
    assertEquals((await mailFrom(service, "a@ham.example")).slice(0, 3), "250");
  });
  const differences = lines.filter((line) => line.includes(" difference "));
  assertEquals(differences.map((line) => line.replace(/^\S+ | session=\S+/g, "")), [
    'difference phase=mail live=proceeds shadow="refused 550 5.7.1" by="no spam"',
  ]);
});
