/**
 * For authors of policies: a whole proxy in memory, with a client in the test's hands and a store
 * behind it.
 *
 * @example A policy and its test
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { definePolicy, reject } from "@sluice/sluice/policy";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const policy = definePolicy({
 *   rcpt: ({ forwardPath }) =>
 *     forwardPath.localPart === "nobody" ? reject("550 5.1.1 Not here") : undefined,
 * });
 *
 * await using session = await openSession({ policy });
 * await session.cmd("MAIL FROM:<a@client.example>", "250");
 * await session.cmd("RCPT TO:<nobody@mx.example>", "550 5.1.1");
 * await session.cmd("RCPT TO:<b@mx.example>", "250");
 * await session.message("Subject: Hi\r\n\r\nHello\r\n", "250");
 *
 * const [message] = session.captured;
 * assertEquals(message.recipients.map(({ forwardPath }) => forwardPath.address), ["b@mx.example"]);
 * ```
 *
 * @module
 */

export { type MemoryChannel, type MemoryOptions, memoryPair } from "../adapters/memory.ts";
export { openSession, type TestClient, TestSession, type TestSessionOptions } from "./session.ts";
