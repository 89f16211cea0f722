/**
 * Sender Rewriting Scheme: forwarded mail gets a sender of our own domain, so that it passes SPF, and
 * what comes back to that goes to the first sender.
 *
 * @module
 */

import { systemClock } from "../../clock.ts";
import { asciiLowerCase, octetLength } from "../../rfc5321/text.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { reject, rewrite } from "../verdicts.ts";
import type { List } from "./lookup.ts";
import { type CheckEnvironment, type Duration, isDomain, OptionReader } from "./option_reader.ts";
import { isSrs, SrsSigner } from "./srs_address.ts";

/** Whose name, and how it is signed. */
export interface SrsOptions {
  /** Our domain, to which bounces come back. */
  readonly domain: string;
  /** 16 octets or more each; the first signs, all are accepted: put a new one in front. */
  readonly secrets: string | readonly string[];
  /** Senders that are not rewritten: whoever our addresses may stand for in SPF. @default none */
  readonly own?: List;
  /** How long bounces are taken, in whole days. At most `1000d`. @default "21d" */
  readonly expiry?: Duration;
  /** Of the HMAC. @default "SHA-256" */
  readonly algorithm?: "SHA-256" | "SHA-1";
  /** Characters of the hash, of five bits each: 4 to 16. @default 6 */
  readonly hashLength?: number;
}

const day = 86_400_000;
const unknown = reject("550 5.1.1 No such address, or no longer");

/**
 * Rewrites senders at `mail` and gives them back at `rcpt`. A sender for which a local-part has no
 * room (64 octets, RFC 5321 §4.5.3.1.1) stays as it is; a recipient that has the form and is not good
 * is refused with 550.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function srs(options: SrsOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("srs", options, environment);
  const domain = asciiLowerCase(reader.text("domain", "a domain", isDomain));
  const secrets = reader.texts("secrets", "a list of texts", () => true);
  const shortest = Math.min(...secrets.map(octetLength));
  // What is found there must not end up in a log.
  if (secrets.length === 0) reader.refuse("secrets", "nothing", "at least one secret");
  if (shortest < 16) reader.refuse("secrets", `${shortest} octets`, "secrets of 16 octets or more");
  const own = reader.list("own");
  const expiry = Math.floor(reader.milliseconds("expiry", "1000d", "21d") / day);
  const algorithm = reader.choice("algorithm", ["SHA-256", "SHA-1"], "SHA-256");
  const hashLength = reader.count("hashLength", { least: 4, most: 16 }, 6);
  reader.finish();
  const { clock = systemClock } = environment ?? {};
  const signer = new SrsSigner({ domain, secrets, algorithm, hashLength, expiry });

  return definePolicy({
    name: "srs",
    async mail({ reversePath: path }) {
      const stays = path.domain === "" || path.domain === domain ||
        own?.get({ path }) !== undefined;
      if (stays) return undefined;
      try {
        return rewrite(await signer.forward(path, clock.now()));
      } catch (error) {
        if (error instanceof RangeError) return undefined;
        throw error;
      }
    },
    async rcpt({ forwardPath: path }) {
      if (path.domain !== domain || !isSrs(path)) return undefined;
      const meant = await signer.reverse(path, clock.now());
      return meant === undefined ? unknown : rewrite(meant);
    },
  });
}
