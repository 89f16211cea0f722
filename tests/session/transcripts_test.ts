import { play, playPooled, poolable } from "../_transcript.ts";

const directory = new URL("../testdata/transcripts/", import.meta.url);

/** With a pool there is nothing left on the connection, and nothing to be said for it. */
const otherwise = new Set(["turns-mail-refused.smtp"]);

for (const { name } of [...Deno.readDirSync(directory)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  const transcript = Deno.readTextFileSync(new URL(name, directory));
  const title = `transcript: ${name.replace(/\.smtp$/, "")}`;
  Deno.test(title, () => play(transcript));
  if (poolable(transcript) && !otherwise.has(name)) {
    Deno.test(`${title}, pooled`, () => playPooled(transcript));
  }
}
