import { listen, nodeDialer } from "@sluice/sluice/bun";
import { relay } from "./relay.ts";

await relay(listen, nodeDialer);
