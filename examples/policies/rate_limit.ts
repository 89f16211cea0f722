/** Takes so many messages and recipients a session. */

import { defer, definePolicy, disconnect } from "@sluice/sluice/policy";

const MESSAGES = 3;
const RECIPIENTS = 5;

export default definePolicy({
  name: "rate limit",
  session: () => ({ messages: 0, recipients: 0 }),
  // 421 closes the connection: the client comes again with what is left (RFC 5321 §3.8).
  mail: (_facts, { session }) =>
    ++session.messages > MESSAGES ? disconnect("421 4.7.0 Enough for one session") : undefined,
  rcpt: (_facts, { session }) =>
    ++session.recipients > RECIPIENTS ? defer("452 4.5.3 Too many recipients") : undefined,
});
