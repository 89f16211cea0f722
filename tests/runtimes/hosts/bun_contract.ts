import { ofDeno, runTests } from "./contract.ts";
import "../../adapters/resolver_test.ts";
import "../../adapters/tls_client_test.ts";
import "../../adapters/tls_server_test.ts";
import { bunDialer, listen } from "../../../src/adapters/bun/mod.ts";
import { adapterContract } from "../_adapter_contract.ts";
import { httpContract } from "../_http_contract.ts";

/** See `src/adapters/bun/mod.ts`. */
const bothWays = "under Bun an end of one side of TLS is the end of both";

adapterContract({ dialer: bunDialer, listen });
httpContract();
await runTests({
  ...ofDeno,
  "TLS over TCP: carries 5 MB each way in odd chunks, unchanged and in order": bothWays,
  "TLS over TCP: lets the peer reply after our end": bothWays,
  "TLS server: a client may say all it has right behind its handshake": bothWays,
});
