import { bundle } from "./_bundle.ts";
import { contractOn } from "./_contract.ts";
import { startHost } from "./_process.ts";
import { runtimeSuite } from "./_suite.ts";

const directory = await Deno.makeTempDir({ prefix: "sluice-node-" });
const program = bundle("node.ts", directory);

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

runtimeSuite({ name: "Node", lacks: {}, start: (setup) => startHost("node", [program], setup) });

// Its WebSocket needs to be asked for before version 22.
contractOn("Node", "node", "--experimental-websocket", bundle("node_contract.ts", directory));
