import { assertEquals } from "@std/assert";

const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const RESTARTED_AT_ONCE = new URL("_restarted_at_once.ts", import.meta.url).pathname;

Deno.test("who reads that workers listen may restart them at once", async () => {
  const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--no-check", "--config", CONFIG, "-A", RESTARTED_AT_ONCE],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const [out, err] = [stdout, stderr].map((octets) => new TextDecoder().decode(octets));
  assertEquals([code, signal, err], [0, null, ""]);
  assertEquals(out.trim().split("\n"), ["listening", "restarted"]);
});
