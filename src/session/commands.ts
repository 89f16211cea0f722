/**
 * Verb → handler. Legality is the state table's; syntax is the grammar's; what is left to a handler
 * is check, decide, proceed.
 *
 * @module
 */

import type { Verb } from "../rfc5321/command.ts";
import { auth } from "./auth.ts";
import { bdat } from "./bdat.ts";
import { data } from "./data.ts";
import { ehlo, helo } from "./hello.ts";
import { xclient, xforward } from "./identity.ts";
import { mail, rset } from "./mail.ts";
import { noop, query, quit } from "./query.ts";
import { rcpt } from "./rcpt.ts";
import type { Handler } from "./handler.ts";
import { starttls } from "./starttls.ts";

/** One row a verb. */
export const handlers: { readonly [V in Verb]: Handler<V> } = {
  HELO: helo,
  EHLO: ehlo,
  LHLO: ehlo,
  MAIL: mail,
  RCPT: rcpt,
  DATA: data,
  BDAT: bdat,
  RSET: rset,
  NOOP: noop,
  QUIT: quit,
  VRFY: query,
  EXPN: query,
  HELP: query,
  STARTTLS: starttls,
  AUTH: auth,
  XCLIENT: xclient,
  XFORWARD: xforward,
};
