/**
 * How the envelope's parameters go on to the upstream: what its connection must have for them, and
 * what becomes of them when an address has been rewritten.
 *
 * @module
 */

import { extensionsOf, type MailParameters, type RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import { encodeXtext } from "../rfc5321/xtext.ts";
import type { ReplyName } from "./replies.ts";
import type { UpstreamLink } from "./upstream.ts";

/** Extensions that Sluice does itself: the upstream need not have them for their parameters. */
const OWN = new Set(["SIZE", "AUTH"]);

/** Whether a parameter needs an extension that only the upstream could do, and that it lacks. */
export function lacks(link: UpstreamLink, parameters: MailParameters | RcptParameters): boolean {
  return extensionsOf(parameters)
    .some((keyword) => !OWN.has(keyword) && !link.extensions.has(keyword));
}

/** What was offered from memory and this very upstream connection does not have. */
export function unfitness(link: UpstreamLink, parameters: MailParameters): ReplyName | undefined {
  // RFC 8689 §4.2.1
  if (parameters.requireTls && link.tls?.peer?.verified !== true) return "requireTlsImpossible";
  if (lacks(link, parameters)) return "offerChanged";
  // RFC 3030 §3: there is no other way to send it.
  if (parameters.body === "BINARYMIME" && !link.extensions.has("CHUNKING")) return "offerChanged";
  const size = link.extensions.size;
  if (parameters.size !== undefined && size !== undefined && parameters.size > size) {
    return "offerChanged";
  }
  return undefined;
}

/** MAIL's parameters as the upstream gets them. */
export function mailParametersFor(
  link: UpstreamLink,
  parameters: MailParameters,
  trusted: boolean,
): MailParameters {
  const current = { ...parameters };
  if (!link.extensions.has("SIZE")) delete current.size;
  if (!link.extensions.has("AUTH")) delete current.auth;
  // RFC 4954 §5: who is not trusted to name the submitter names nobody.
  else if (current.auth !== undefined && !trusted) current.auth = "<>";
  // RFC 6710 §5: no precedence for whoever asks for it.
  if (current.mtPriority !== undefined && current.mtPriority > 0 && !trusted) {
    current.mtPriority = 0;
  }
  return current;
}

/** RCPT's parameters as the upstream gets them for a recipient that may have been rewritten. */
export function rcptParametersFor(
  link: UpstreamLink,
  parameters: RcptParameters,
  given: Path,
  path: Path,
): RcptParameters {
  // RFC 3461 §4.2: the original recipient is told once, by whoever changes the address first.
  const told = parameters.orcpt !== undefined || !link.extensions.has("DSN") ||
    given.equals(path) || !given.isAscii || given.domain === "";
  if (told) return parameters;
  const orcpt = { addressType: "rfc822", address: encodeXtext(given.address) };
  return { ...parameters, orcpt };
}
