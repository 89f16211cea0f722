/**
 * One SMTP session between a test and a proxy, in memory.
 *
 * @module
 */

import { memoryPair } from "../adapters/memory.ts";
import { concat, encode } from "../bytes.ts";
import type { Channel, SecureChannel, TlsFacts, TlsServer } from "../channel.ts";
import { systemClock, within } from "../clock.ts";
import type { ListenerOptions, ProxyOptions } from "../options.ts";
import { createProxy, type Proxy } from "../proxy.ts";
import { type Reply, encodeXtext } from "../rfc5321/mod.ts";
import { DotStuffer } from "../stages/dot_stuffer.ts";
import { ReplyParser } from "../stages/reply_parser.ts";
import { type CapturedMessage, CaptureUpstream, MemoryStore } from "../upstream/capture.ts";

