import { bunDialer, fileCertificates, listen } from "../../../src/adapters/bun/mod.ts";
import { run } from "./host.ts";

await run({ dialer: bunDialer, fileCertificates, listen });
