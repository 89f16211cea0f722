import { fileCertificates, listen, nodeDialer } from "../../../src/adapters/node/mod.ts";
import { run } from "./host.ts";

await run({ dialer: nodeDialer, fileCertificates, listen });
