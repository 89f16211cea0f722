/**
 * The filters that a configuration file can name: a row for each `use`, with its keys and how its
 * policy is made. What a filter needs is loaded only where it is used.
 *
 * @module
 */

import * as z from "zod";
import type { SocketTarget } from "../channel.ts";
import { consequence } from "./consequence.ts";
import {
  address,
  beyond,
  duration,
  filter,
  type FilterSource,
  onFailure,
  refusal,
  secretForm,
  size,
  targetOf,
  url,
} from "./filter_row.ts";
import { parseAddress } from "./units.ts";
import { count, type Piece, text, texts, written } from "./values.ts";

const rspamdReaction = z.enum([
  ...["accept", "header", "subject", "quarantine", "defer", "reject", "discard"] as const,
]).optional();

const rspamd = filter("rspamd", {
  summary: "Rspamd, over HTTP.",
  keys: {
    url,
    password: text(secretForm).optional()
      .describe(`What it asks for, where it asks for one: ${secretForm}.`),
    actions: z.strictObject({
      "no action": rspamdReaction,
      "greylist": rspamdReaction,
      "soft reject": rspamdReaction,
      "add header": rspamdReaction,
      "rewrite subject": rspamdReaction,
      "quarantine": rspamdReaction,
      "discard": rspamdReaction,
      "reject": rspamdReaction,
    }).optional().describe("What becomes of its actions, where that is not what they say."),
    reply: refusal.optional().describe(
      'To what is rejected, where Rspamd has no text. Default "550 5.7.1 Refused as spam".',
    ),
    mark: text("the name of a header field").optional()
      .describe("Marks what passes as spam, with Yes. Default X-Spam."),
    headers: z.boolean().optional()
      .describe("Add and remove the header fields that it names. Default true."),
    beyond,
  },
  make: async ({ url, password, ...own }, common, environment) => {
    const { rspamd } = await import("../content/rspamd.ts");
    return rspamd({
      ...common,
      ...own,
      url,
      password: password && await environment.secret(password),
      hostname: environment.hostname,
      fetch: environment.fetch,
    });
  },
});

const http = filter("http", {
  summary: "A program of one's own, over HTTP.",
  keys: {
    url,
    secret: text(secretForm).optional().describe(`Requests are signed with it: ${secretForm}.`),
    beyond,
  },
  make: async ({ url, secret, beyond }, common, { clock, fetch, ...environment }) => {
    const { httpHook } = await import("../content/http_hook.ts");
    const key = secret && await environment.secret(secret);
    return httpHook({ ...common, url, secret: key, beyond, clock, fetch });
  },
});

const clamav = filter("clamav", {
  summary: "ClamAV: clamd, by INSTREAM.",
  keys: {
    address,
    "max-size": size().optional().describe(
      "Octets of a message that clamd is given: its StreamMaxLength. Default 25m.",
    ),
    infected: z.enum(["reject", "discard", "quarantine", "header"]).optional().describe(
      "What becomes of a message in which something is found. header: every message is given " +
        "X-Virus-Status. Default reject.",
    ),
    reply: refusal.optional()
      .describe('To what is rejected. Default "550 5.7.1 Message contains {name}".'),
  },
  make: async ({ address, infected, reply }, common, environment) => {
    const { clamav } = await import("../content/clamav.ts");
    const { dialer } = environment;
    return clamav({ ...common, target: targetOf(address, environment), dialer, infected, reply });
  },
});

const spamassassin = filter("spamassassin", {
  summary: "SpamAssassin: spamd.",
  keys: {
    address,
    "max-size": size().optional()
      .describe("Octets of a message that spamd is given. Default 512k."),
    larger: onFailure.optional().describe("What becomes of a message with more. Default accept."),
    mode: z.enum(["check", "symbols", "headers"]).optional().describe(
      "What spamd is asked for: the points, the rules that have met, or the header fields that it " +
        "would add. Default symbols.",
    ),
    "reject-above": z.number({ error: "a number" }).optional()
      .describe("A message with more points is refused. Default: none is."),
    reply: refusal.optional()
      .describe('To what is refused. Default "550 5.7.1 Refused as spam".'),
    headers: z.boolean().optional()
      .describe("Put what is found into X-Spam-Flag and X-Spam-Status. Default true."),
    beyond,
    user: text("a name").optional()
      .describe("Whose preferences hold for who has not logged in. Default spamd's own."),
  },
  make: async (own, common, environment) => {
    const { spamassassin } = await import("../content/spamassassin.ts");
    const { dialer, clock } = environment;
    return spamassassin({
      ...common,
      target: targetOf(own.address, environment),
      dialer,
      clock,
      mode: own.mode,
      rejectAbove: own["reject-above"],
      reply: own.reply,
      headers: own.headers,
      beyond: own.beyond,
      user: own.user,
    });
  },
});

const milter = filter("milter", {
  summary: "A milter: OpenDKIM, OpenDMARC and others.",
  keys: {
    address,
    "progress-limit": duration().optional().describe(
      "For one answer, however often it says that it is still at work; time-limit is for it to say " +
        "anything, and is 30s here. Default 5m.",
    ),
    quarantine: z.enum(["accept", "defer", "reject", "quarantine"]).optional()
      .describe("What becomes of a message that it wants to be held. Default reject."),
    macros: z.record(z.string(), z.string({ error: "a text" })).optional().describe(
      'What it is told besides, by Sendmail\'s names such as "{daemon_name}". j is our hostname.',
    ),
    beyond,
  },
  make: async ({ address, quarantine, macros, beyond, ...own }, common, environment) => {
    const { milter } = await import("../content/milter/milter.ts");
    const { dialer, clock, hostname } = environment;
    return milter({
      ...common,
      target: targetOf(address, environment),
      dialer,
      clock,
      progressLimit: own["progress-limit"],
      quarantine,
      macros: { ...hostname !== "" && { j: hostname }, ...macros },
      beyond,
    });
  },
});

const NAME_SERVER = "host:port, [ipv6]:port or an https URL";

const nameServer: Piece<URL | SocketTarget, string> = written(
  NAME_SERVER,
  (text) => text.startsWith("https://") ? new URL(text) : parseAddress(text, "", NAME_SERVER),
).describe(
  "A name server that asks others, by TCP or HTTPS: it has to tell a name without records from one " +
    "that cannot be looked up now.",
);

const authentication = filter("authentication", {
  summary: "SPF, DKIM, DMARC and ARC, with an Authentication-Results field. Those that claim to " +
    "be ours are taken away.",
  keys: {
    dns: nameServer,
    "authserv-id": text("a name such as mx.example").optional()
      .describe("Our name in the field. Default hostname."),
    dmarc: z.enum(["obey", "score", "report"]).optional().describe(
      "Where DMARC fails: what the author's domain wants; points in the place of a refusal; or " +
        "nothing but the field. Default obey.",
    ),
    points: z.number({ error: "a number" }).optional()
      .describe("Points for what the domain wants to be quarantined. Default 10."),
    temporary: z.enum(["defer", "accept"]).optional()
      .describe("Where DMARC cannot be found out now. Default defer."),
    sealers: z.array(text("a domain")).optional()
      .describe("Domains whose ARC seal counts for more than a failure of DMARC. Default none."),
    beyond,
  },
  make: async ({ dns, dmarc, ...own }, common, { dialer, fetch, clock, hostname }) => {
    const { authentication, dmarcPolicy, httpsNameClient, nameClient } = await import(
      "../auth/mod.ts"
    );
    const { points, temporary, sealers, beyond } = own;
    const reject = dmarc === "score" ? "quarantine" : "reject";
    return authentication({
      ...common,
      beyond,
      authservId: own["authserv-id"] ?? hostname,
      resolver: dns instanceof URL
        ? httpsNameClient(dns.href, { clock }, fetch)
        : nameClient(dialer, dns, { clock }),
      decide: dmarc === "report"
        ? () => undefined
        : dmarcPolicy({ reject, points, temporary, sealers }),
    });
  },
});

const sign = filter("sign", {
  summary: "Signs with DKIM what clients send that have logged in or are trusted.",
  keys: {
    domain: text("a domain").describe("Whose authors' messages are signed, in its name."),
    selector: text("one or several labels of a domain")
      .describe("Where the public key is: below _domainkey of the domain."),
    key: text(secretForm).describe(`The private key in PEM, RSA or Ed25519: ${secretForm}.`),
    window: size().optional()
      .describe("Octets of each message that are held; a larger one cannot be signed. Default 1m."),
    beyond: onFailure.optional()
      .describe("What becomes of a message that is too large to be signed. Default accept."),
  },
  make: async ({ key: where, ...own }, common, { clock, secret }) => {
    const { dkimSigner, signingKey } = await import("../auth/mod.ts");
    const key = await signingKey(await secret(where));
    return dkimSigner({ ...common, ...own, key, clock });
  },
});

const patterns = "texts, with * and ? as wildcards, or /expression/";

const attachments = filter("attachments", {
  summary: "Attachments: their names, types, sizes and number.",
  keys: {
    names: texts(patterns).optional()
      .describe(`File names that are meant, whatever their case: ${patterns}.`),
    types: texts(patterns).optional().describe(`Declared types that are meant: ${patterns}.`),
    "larger-than": size().optional().describe("Octets; an attachment with more is meant."),
    "more-than": count().optional().describe("Attachments; a message with more is meant."),
    depth: count().optional().describe("Depth to which a message is looked through. Default 30."),
    parts: count().optional().describe("Parts that are looked at. Default 1000."),
    complex: onFailure.optional()
      .describe("What becomes of a message that is deeper, or has more. Default reject."),
    then: consequence.optional()
      .describe('Default { reject = "550 5.7.1 Attachment not accepted" }.'),
  },
  make: async (own, common) => {
    const { attachments } = await import("../content/attachments.ts");
    const { names, types, depth, parts, complex, then } = own;
    return attachments({
      ...common,
      ...{ names, types, depth, parts, complex, then },
      largerThan: own["larger-than"],
      moreThan: own["more-than"],
    });
  },
});

/** A `[[filter]]` of the file. */
export const filterSchema: Piece<FilterSource, unknown> = z.discriminatedUnion("use", [
  rspamd,
  http,
  clamav,
  spamassassin,
  milter,
  authentication,
  sign,
  attachments,
], { error: "rspamd, http, clamav, spamassassin, milter, authentication, sign, attachments" });
