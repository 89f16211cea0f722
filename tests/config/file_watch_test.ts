import { assertEquals } from "@std/assert";
import { FileWatch } from "../../src/cli/file_watch.ts";
import { FakeClock } from "../_clock.ts";

Deno.test("a changed file is told once it has been calm for a second", async () => {
  const directory = await Deno.makeTempDir({ prefix: "sluice-watch-" });
  const [file, other] = [`${directory}/a.toml`, `${directory}/b.toml`];
  await Deno.writeTextFile(file, "1");
  const clock = new FakeClock();
  const watch = new FileWatch(clock);
  let changes = 0;
  const changed = async (): Promise<void> => {
    changes++;
    watch.forget();
    await watch.note(file);
  };
  await changed();
  watch.start(changed);
  const second = async (): Promise<number> => {
    await clock.advance(1_000);
    await watch.looked();
    return changes;
  };
  assertEquals([await second(), await second(), await second()], [1, 1, 1]);
  await Deno.writeTextFile(file, "22");
  assertEquals(await second(), 1);
  // Still being written.
  await Deno.writeTextFile(file, "333");
  assertEquals([await second(), await second(), await second()], [1, 2, 2]);
  // Replaced, as editors do it.
  await Deno.writeTextFile(other, "333");
  await Deno.rename(other, file);
  assertEquals([await second(), await second(), await second()], [2, 3, 3]);
  await Deno.remove(file);
  assertEquals([await second(), await second(), await second()], [3, 4, 4]);
  await watch.stop();
  assertEquals(clock.timers, 0);
  await Deno.remove(directory, { recursive: true });
});
