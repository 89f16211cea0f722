import { denoDialer, listen } from "@sluice/sluice/deno";
import { relay } from "./relay.ts";

await relay(listen, denoDialer);
