/**
 * A policy as a Cloudflare Email Worker.
 *
 * @module
 */

import { within } from "../../clock.ts";
import { CheckError } from "../../policy/asking.ts";
import { judgeOf } from "../../policy/judge.ts";
import type { Policy } from "../../policy/policy.ts";
import { Reply } from "../../rfc5321/reply.ts";
import type { Judge } from "../../session/phases.ts";
import { replyTexts } from "../../session/replies.ts";
import { DEFAULT_UPSTREAM } from "../../session/upstreams.ts";
import { Hearing, type Outcome, UnsupportedVerdict } from "./hearing.ts";
import type { EmailHandler, EmailMessage } from "./message.ts";
import {
  type EmailWorkerOptions,
  type ResolvedEmailWorker,
  resolveEmailWorker,
} from "./options.ts";

/** What a worker throws where a message is to be tried again; the policy has said so. */
export class TemporaryFailure extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "TemporaryFailure";
  /**
   * Is made where the policy has deferred a message.
   *
   * @param reply The policy's; 4xx.
   */
  constructor(readonly reply: Reply) {
    super(`${reply.code} ${reply.text}`);
  }
}

/**
 * Makes the default export of an Email Worker: the policy is asked about each message, which is then
 * forwarded, refused, dropped, or left for another attempt.
 *
 * The phases that there are: `mail`, `rcpt`, `data`, `headers`, `content`, once each, since a message
 * has one recipient here. The others are not asked; a policy that must not do without them says so in
 * `needs` and is refused. Of the client nothing is known.
 *
 * | verdict           | what becomes of it                                                         |
 * | ----------------- | -------------------------------------------------------------------------- |
 * | proceed           | `forward` to the option `destination`                                      |
 * | reject with 5xx   | `setReject` with the reply's text                                          |
 * | reject with 4xx   | an error is thrown: the platform fails for now, and the client tries again |
 * | disconnect        | as reject with the same reply                                              |
 * | discard           | nothing: the client is told that it was accepted                           |
 * | rewrite at `rcpt` | `forward` to those addresses; to none: as discard                          |
 * | rewrite at `mail` | an error is thrown: the platform has a reverse-path of its own             |
 * | route             | `forward` to that one of the option `routes`                               |
 * | edit              | fields that begin with `X-` are added; for others an error is thrown       |
 *
 * A check that fails or takes too long, unless its policy's `onFailure` says otherwise, an address that
 * the platform does not accept, and in any case the end of the time budget are errors too. Of several
 * addresses, those before one that fails get the message once more at the next attempt.
 *
 * @example A worker
 * ```ts
 * import { emailWorker } from "@sluice/sluice/email-worker";
 * import { definePolicy, reject } from "@sluice/sluice/policy";
 *
 * export default emailWorker(
 *   definePolicy({
 *     mail: ({ reversePath }) =>
 *       reversePath.domain === "spam.example" ? reject("550 5.7.1 Not from there") : undefined,
 *   }),
 *   { destination: "me@inbox.example", headers: { "X-Filtered-By": "sluice" } },
 * );
 * ```
 *
 * @throws {OptionError} If an option cannot be used, or the policy needs what there is not.
 */
export function emailWorker(policy: Policy, options: EmailWorkerOptions = {}): EmailHandler {
  const resolved = resolveEmailWorker(policy, options);
  const { budget, clock, observer } = resolved;
  const judge = judgeOf(policy, {
    clock,
    timeLimit: budget,
    onFailure: Reply.parse(replyTexts.temporary),
    failed: (phase, check, error) =>
      observer.trouble(undefined, new CheckError(phase, check, error)),
  });
  return { email: (message) => handle(message, judge, resolved) };
}

async function handle(
  message: EmailMessage,
  judge: Judge,
  options: ResolvedEmailWorker,
): Promise<void> {
  const { budget, clock, observer } = options;
  let late = false;
  const handled = async (): Promise<void> => {
    const outcome = await new Hearing(message, judge.open(), observer, clock.now()).outcome();
    // The platform has been told to try again: a verdict that comes now would be a second answer.
    if (!late) await obey(message, outcome, options, () => late);
  };
  try {
    await within(clock, budget, "the policy and the forwarding", handled());
  } catch (error) {
    late = true;
    if (!(error instanceof TemporaryFailure)) observer.trouble(undefined, error);
    throw error;
  }
}

/** @param late Whether the message will be tried again: then nobody else gets it now. */
async function obey(
  message: EmailMessage,
  outcome: Outcome,
  options: ResolvedEmailWorker,
  late: () => boolean,
): Promise<void> {
  switch (outcome.kind) {
    case "discarded":
      return;
    case "refused":
      if (outcome.reply.transient) throw new TemporaryFailure(outcome.reply);
      return await message.setReject(outcome.reply.text);
    case "forwarded":
      for (const to of addressesOf(message, outcome, options)) {
        if (late()) return;
        await message.forward(to, headersOf(outcome, options));
      }
  }
}

/** Made anew for each address: it belongs to whoever gets it. */
function headersOf(
  { fields }: Outcome & { readonly kind: "forwarded" },
  options: ResolvedEmailWorker,
): Headers {
  const headers = new Headers(options.headers);
  for (const { name, value } of fields) headers.append(name, value);
  return headers;
}

function addressesOf(
  message: EmailMessage,
  { route = DEFAULT_UPSTREAM, paths }: Outcome & { readonly kind: "forwarded" },
  { routes, destination }: ResolvedEmailWorker,
): readonly string[] {
  if (route !== DEFAULT_UPSTREAM) {
    const address = routes.get(route);
    if (address === undefined) {
      throw new UnsupportedVerdict("rcpt", `the route "${route}": unknown`);
    }
    return [address];
  }
  return paths?.map(({ address }) => address) ?? [destination ?? message.to];
}
