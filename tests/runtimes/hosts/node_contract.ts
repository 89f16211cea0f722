import { ofDeno, runTests } from "./contract.ts";
import "../../adapters/resolver_test.ts";
import "../../adapters/tls_client_test.ts";
import "../../adapters/tls_server_test.ts";
import { listen, nodeDialer } from "../../../src/adapters/node/mod.ts";
import { adapterContract } from "../_adapter_contract.ts";
import { httpContract } from "../_http_contract.ts";

adapterContract({ dialer: nodeDialer, listen });
httpContract();
await runTests(ofDeno);
