import { denoDialer, listen } from "../../src/adapters/deno/mod.ts";
import { adapterContract } from "./_adapter_contract.ts";
import { httpContract } from "./_http_contract.ts";
import { startHost } from "./_process.ts";
import { runtimeSuite } from "./_suite.ts";

const program = new URL("hosts/deno.ts", import.meta.url).pathname;
const permissions = ["--no-prompt", "--allow-net", "--allow-read", "--allow-write"];

runtimeSuite({
  name: "Deno",
  lacks: {},
  start: (setup) =>
    startHost(Deno.execPath(), ["run", "--no-lock", ...permissions, program], setup),
});

adapterContract({ dialer: denoDialer, listen });
httpContract();
