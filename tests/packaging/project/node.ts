import { listen, nodeDialer } from "@sluice/sluice/node";
import { relay } from "./relay.ts";

await relay(listen, nodeDialer);
