/**
 * The steps between octets and SMTP, each a WHATWG `Transformer`: synchronous, bounded, and without
 * a runtime of its own.
 *
 * @example Mail data from one server to another, as streams
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DotStuffer, DotUnstuffer, fuse, toTransformStream } from "@sluice/sluice/stages";
 * import type { DataEvent, Stage } from "@sluice/sluice/stages";
 *
 * const refuseFaults: Stage<DataEvent, Uint8Array> = {
 *   transform(event, out) {
 *     if (event instanceof Uint8Array) out.enqueue(event);
 *     else if (event.fault) throw new Error(`Found ${event.fault} in mail data`);
 *   },
 * };
 * const relay = fuse(new DotUnstuffer(), refuseFaults, new DotStuffer());
 *
 * const wire = new Blob(["Subject: Hi\r\n\r\n..\r\n.\r\n"]).stream();
 * const sent = await new Response(wire.pipeThrough(toTransformStream(relay))).text();
 * assertEquals(sent, "Subject: Hi\r\n\r\n..\r\n.\r\n");
 * ```
 *
 * @module
 */

export * from "./batch.ts";
export * from "./bdat_framer.ts";
export * from "./bdat_receiver.ts";
export * from "./command_parser.ts";
export type { BareNewline, DataFault } from "./data_scan.ts";
export * from "./dot_stuffer.ts";
export * from "./dot_unstuffer.ts";
export * from "./fuse.ts";
export * from "./line_splitter.ts";
export * from "./newline_guard.ts";
export * from "./proxy_protocol.ts";
export * from "./pump.ts";
export * from "./reply_parser.ts";
export { scannerOctets, useScanner } from "./scanner/scanner.ts";
export * from "./stage.ts";
export * from "./to_transform_stream.ts";
export * from "./unfinished.ts";
