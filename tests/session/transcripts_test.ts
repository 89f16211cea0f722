import { assertEquals } from "@std/assert";
import { play, playPooled } from "../_transcript.ts";

const directory = new URL("../testdata/transcripts/", import.meta.url);

for (const { name } of [...Deno.readDirSync(directory)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  Deno.test(`transcript: ${name.replace(/\.smtp$/, "")}`, async () => {
    await play(await Deno.readTextFile(new URL(name, directory)));
  });
}
