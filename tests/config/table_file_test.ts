import { assertEquals, assertRejects } from "@std/assert";
import { fileFeed } from "../../src/cli/table_file.ts";
import { LiveTable } from "../../src/config/live_table.ts";
import { FakeClock } from "../_clock.ts";

Deno.test("a table follows its file", async () => {
  const directory = await Deno.makeTempDir({ prefix: "sluice-table-" });
  const [file, other] = [`${directory}/table.txt`, `${directory}/other.txt`];
  const clock = new FakeClock();
  const failed: string[] = [];
  const options = { clock, failed: (error: Error) => failed.push(error.message) };
  await assertRejects(() => LiveTable.open(fileFeed(file), options), Deno.errors.NotFound);

  await Deno.writeTextFile(file, "a.example one\n");
  const table = await LiveTable.open(fileFeed(file), options);
  /** The value for those who ask later. */
  const later = async (): Promise<string | undefined> => {
    await clock.advance(1_000);
    table.get({ domain: "a.example" });
    await table.settled();
    return table.get({ domain: "a.example" });
  };
  assertEquals(await later(), "one");
  await Deno.writeTextFile(file, "a.example three\n");
  assertEquals(await later(), "three");
  await Deno.writeTextFile(other, "a.example seven\n");
  await Deno.rename(other, file);
  assertEquals(await later(), "seven");
  await Deno.remove(file);
  assertEquals([await later(), failed.length], ["seven", 1]);
  await Deno.writeTextFile(file, "");
  assertEquals([await later(), failed.length], [undefined, 1]);
  await Deno.remove(directory, { recursive: true });
});
