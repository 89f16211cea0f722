import { bundle } from "./_bundle.ts";
import { bunPath } from "./_bun.ts";
import { contractOn } from "./_contract.ts";
import { startHost } from "./_process.ts";
import { runtimeSuite } from "./_suite.ts";

const directory = await Deno.makeTempDir({ prefix: "sluice-bun-" });
const program = bundle("bun.ts", directory);

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

runtimeSuite({ name: "Bun", lacks: {}, start: (setup) => startHost(bunPath(), [program], setup) });

contractOn("Bun", bunPath(), bundle("bun_contract.ts", directory));
