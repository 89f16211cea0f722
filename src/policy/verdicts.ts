/**
 * The verdicts that a check can give, each made by a small function that refuses what cannot be sent
 * where it is written, and not where it would be sent.
 *
 * @module
 */

import { type HeaderEdit, HeaderSection } from "../message/header_section.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import type {
  Discard,
  Disconnect,
  Edit,
  Proceed,
  Quarantine,
  Reject,
  Rewrite,
  Route,
  Score,
  Verdict,
} from "../session/phases.ts";

function refusal(made: string, reply: string | Reply, codes: RegExp, allowed: string): Reply {
  const parsed = typeof reply === "string" ? Reply.parse(reply) : reply;
  if (codes.test(String(parsed.code))) return parsed;
  throw new RangeError(`Cannot ${made} with ${parsed.code}: allowed are ${allowed} replies`);
}

/**
 * Refuses the command; the session goes on. At `headers` and `content` it refuses the message, whose
 * end the upstream then never sees.
 *
 * @example A refusal is checked where it is written
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { reject } from "@sluice/sluice/policy";
 *
 * assertEquals(reject("550 5.7.1 No").reply.enhanced, { class: 5, subject: 7, detail: 1 });
 * assertThrows(() => reject("250 2.0.0 Yes"), RangeError, "allowed are 4xx and 5xx");
 * ```
 *
 * @param reply `550 5.7.1 Text`; 4xx or 5xx.
 * @throws {RangeError} If it is no such reply.
 */
export function reject(reply: string | Reply): Reject {
  return { kind: "reject", reply: refusal("reject", reply, /^[45]/, "4xx and 5xx") };
}

/**
 * Refuses the command for now: the client keeps its mail and tries again (RFC 5321 §4.2.1).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { defer } from "@sluice/sluice/policy";
 *
 * assertEquals(defer().reply.code, 451);
 * ```
 *
 * @param reply Default `451 4.7.1 Try again later`; 4xx.
 * @throws {RangeError} If it is no such reply.
 */
export function defer(reply: string | Reply = "451 4.7.1 Try again later"): Reject {
  return { kind: "reject", reply: refusal("defer", reply, /^4/, "4xx") };
}

/**
 * Refuses the command and closes the connection after the reply. 421 is the code that tells a client
 * so (RFC 5321 §3.8); others may be used.
 *
 * @example A client that is not listened to
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createProxy } from "@sluice/sluice";
 * import { definePolicy, disconnect } from "@sluice/sluice/policy";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const policy = definePolicy({ connect: () => disconnect("554 5.7.1 Not welcome") });
 * const [client, server] = memoryPair();
 * const session = createProxy({ policy }).handle(server);
 * assertEquals(new TextDecoder().decode(await client.read()), "554 5.7.1 Not welcome\r\n");
 * assertEquals(await client.read(), undefined);
 * client.close();
 * await session;
 * ```
 *
 * @param reply Default `421 4.7.0 Closing`; 4xx or 5xx.
 * @param options.after At `data`: lose the connection only after so many octets of mail data, and
 * without a word. For trying out what clients make of it.
 * @throws {RangeError} If it is no such reply, or `after` is no whole number.
 */
export function disconnect(
  reply: string | Reply = "421 4.7.0 Closing",
  options: { readonly after?: number } = {},
): Disconnect {
  const { after } = options;
  if (after !== undefined && !(Number.isSafeInteger(after) && after >= 0)) {
    throw new RangeError(`Cannot disconnect after ${after} octets: allowed are whole numbers`);
  }
  return {
    kind: "disconnect",
    reply: refusal("disconnect", reply, /^[45]/, "4xx and 5xx"),
    ...(after === undefined ? {} : { after }),
  };
}

/**
 * Puts other addresses in the place of the one that was asked about.
 *
 * At `mail` one path, or `Path.null`; at `rcpt` one, several, or none: the recipient is accepted and
 * gets nothing. The client's recipient gets one reply whatever became of it: a 4xx if the upstream
 * defers any of them, otherwise success if it has taken any.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Path, rewrite } from "@sluice/sluice/policy";
 *
 * const staff = [Path.from("a@example.org"), Path.from("b@example.org")];
 * assertEquals(rewrite(staff).paths.length, 2);
 * assertEquals(rewrite(Path.null).paths[0].isNull, true);
 * ```
 */
export function rewrite(path: Path): Rewrite<readonly [Path]>;
/** Several paths, or none. */
export function rewrite(paths: readonly Path[]): Rewrite;
export function rewrite(paths: Path | readonly Path[]): Rewrite {
  return { kind: "rewrite", paths: Array.isArray(paths) ? [...paths] : [paths as Path] };
}

/**
 * Sends the transaction to another upstream. A transaction has one: the first recipient's is taken,
 * and a recipient that belongs to another one is answered 452, so that the client sends it again.
 *
 * @param upstream A name of the option `upstreams`, or `default`.
 */
export function route(upstream: string): Route {
  return { kind: "route", upstream };
}

/** Proceeds, and no other check is asked in this phase. */
export function proceed(): Proceed {
  return { kind: "proceed" };
}

/** Accepts it and lets it come to nothing: at `rcpt` the recipient, elsewhere the whole message. */
export function discard(): Discard {
  return { kind: "discard" };
}

/**
 * Accepts the message and keeps it aside, in the store of the option `quarantine`: nobody upstream gets
 * it. At `filter` and `content`, a message that is larger than the window can be kept only where the
 * policy has said that it `needs` quarantine; otherwise it is deferred. Its header section then stands
 * there as it went on its way.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MemoryStore } from "@sluice/sluice";
 * import { definePolicy, quarantine } from "@sluice/sluice/policy";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const store = new MemoryStore();
 * const policy = definePolicy({ needs: ["quarantine"], content: () => quarantine() });
 * await using session = await openSession({ policy, quarantine: store });
 * await session.cmd("MAIL FROM:<a@x.example>", "250");
 * await session.cmd("RCPT TO:<b@y.example>", "250");
 * await session.message("Subject: Hi\r\n\r\nHi\r\n", "250");
 * assertEquals([store.messages.length, session.captured.length], [1, 0]);
 * ```
 */
export function quarantine(): Quarantine {
  return { kind: "quarantine" };
}

/**
 * Changes the header section. Only the fields that are named change; every other octet stays.
 *
 * @throws {RangeError} If a field cannot be written: its name or value holds what would end it.
 */
export function edit(edits: readonly HeaderEdit[]): Edit {
  new HeaderSection([]).edited(edits);
  return { kind: "edit", edits };
}

/**
 * Adds a header field, on top of all that the message came with, or below.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { addHeader, definePolicy } from "@sluice/sluice/policy";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const policy = definePolicy({ headers: () => addHeader("X-Filtered-By", "sluice") });
 * await using session = await openSession({ policy });
 * await session.cmd("MAIL FROM:<a@x.example>", "250");
 * await session.cmd("RCPT TO:<b@y.example>", "250");
 * await session.message("Subject: Hi\r\n\r\nHi\r\n", "250");
 * const content = new TextDecoder().decode(session.captured[0].content);
 * assertEquals(content, "X-Filtered-By: sluice\r\nSubject: Hi\r\n\r\nHi\r\n");
 * ```
 *
 * @param value Folded where it is too long; words beyond ASCII become encoded-words (RFC 2047).
 * @throws {RangeError} If it cannot be written.
 */
export function addHeader(name: string, value: string, at: "top" | "bottom" = "top"): Edit {
  return edit([{ kind: "add", name, value, at }]);
}

/**
 * Puts another value into a header field, or adds it below all others where it is missing.
 *
 * @param nth Which of several, from 1.
 * @throws {RangeError} If it cannot be written.
 */
export function replaceHeader(name: string, value: string, nth: number = 1): Edit {
  return edit([{ kind: "replace", name, value, nth }]);
}

/**
 * Takes header fields away.
 *
 * @param nth Which of several, from 1. Default: all of that name.
 */
export function removeHeader(name: string, nth?: number): Edit {
  return edit([{ kind: "remove", name, ...nth !== undefined && { nth } }]);
}

/**
 * Says how suspicious a message is; at `content` the sum of all points is known.
 *
 * @throws {RangeError} If it is no finite number.
 */
export function score(points: number): Score {
  if (Number.isFinite(points)) return { kind: "score", points };
  throw new RangeError(`Cannot score with ${points}: allowed are numbers`);
}

// By their shape and not their class: a policy may come with its own copy of the library.
const refuses = ({ reply }: Reject | Disconnect): boolean =>
  Number.isInteger(reply?.code) && reply.code >= 400 && reply.code <= 599;

const shapes: { readonly [K in Verdict["kind"]]: (verdict: Verdict & { kind: K }) => boolean } = {
  proceed: () => true,
  reject: refuses,
  disconnect: refuses,
  rewrite: ({ paths }) =>
    Array.isArray(paths) && paths.every((path) => typeof path?.address === "string"),
  route: ({ upstream }) => typeof upstream === "string",
  discard: () => true,
  quarantine: () => true,
  edit: ({ edits }) => {
    try {
      return edit(edits).edits === edits;
    } catch {
      return false;
    }
  },
  score: ({ points }) => Number.isFinite(points),
};

/** Whether it can be obeyed, whatever its type says. */
export function isVerdict(value: Verdict): boolean {
  return Object.hasOwn(shapes, value?.kind) &&
    (shapes[value.kind] as (verdict: Verdict) => boolean)(value);
}
