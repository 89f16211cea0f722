import { denoDialer, fileCertificates, listen } from "../../../src/adapters/deno/mod.ts";
import { run } from "./host.ts";

await run({ dialer: denoDialer, fileCertificates, listen });
