import { bundle } from "./_bundle.ts";
import { contractOn } from "./_contract.ts";
import { startHost } from "./_process.ts";
import { runtimeSuite } from "./_suite.ts";

const directory = await Deno.makeTempDir({ prefix: "sluice-node-" });
const program = bundle("node.ts", directory);

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

runtimeSuite({ name: "Node", lacks: {}, start: (setup) => startHost("node", [program], setup) });

contractOn("Node", "node", bundle("node_contract.ts", directory));
