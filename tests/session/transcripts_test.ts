import { play, playPooled, poolable } from "../_transcript.ts";

const directory = new URL("../testdata/transcripts/", import.meta.url);

for (const { name } of [...Deno.readDirSync(directory)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  const transcript = Deno.readTextFileSync(new URL(name, directory));
  const title = `transcript: ${name.replace(/\.smtp$/, "")}`;
  Deno.test(title, () => play(transcript));
  if (poolable(transcript)) Deno.test(`${title}, pooled`, () => playPooled(transcript));
}
