/**
 * The adapter for Node on Deno, which has Node's modules too; `tests/runtimes` has it on Node and Bun.
 */

import { listen, nodeDialer } from "../../src/adapters/node/mod.ts";
import { makeCertificates } from "../_certificates.ts";
import { adapterContract } from "../runtimes/_adapter_contract.ts";

adapterContract({ dialer: nodeDialer, listen });

Deno.test.afterAll(async () => (await makeCertificates()).remove());
