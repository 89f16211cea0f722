/**
 * The gateway's API as `/openapi.json` describes it. The compiler holds the schemas to the types in
 * `answer.ts`.
 *
 * @module
 */

import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { version } from "../version.ts";
import type { MessageAnswer, RecipientAnswer, RefusalAnswer } from "./answer.ts";

const recipient: z.ZodType<RecipientAnswer> = z.object({
  address: z.string().describe("As in the request, without brackets."),
  code: z.int().min(200).max(599).describe("Reply code of SMTP (RFC 5321)."),
  enhanced: z.string().optional().describe("Enhanced status code (RFC 3463), such as 5.1.1."),
  text: z.string(),
});

const answer: z.ZodType<MessageAnswer> = z.object({ recipients: z.array(recipient) });

const failure: z.ZodType<RefusalAnswer> = z.object({
  error: z.object({
    code: z.string().describe("For programs."),
    message: z.string().describe("What was attempted, what was found, what is allowed."),
  }),
  recipients: z.array(recipient).optional().describe("Absent without a mail transaction."),
}).openapi("Error");

const message = z.string().describe("The message; lines end with CRLF.");
const path = z.string().describe(
  "A mailbox, or <mailbox> and parameters as behind MAIL FROM: and RCPT TO: (RFC 5321).",
);
const paths = z.array(path);

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

/** What a status says, for the description. */
const failures: Readonly<Record<number, string>> = {
  400: "The envelope or the form cannot be read, or the body broke off.",
  401: "No token, or a wrong one.",
  403: "Every recipient was refused for reasons of policy (5.7.x), or a foreign page asks.",
  408: "The body did not come in time.",
  409: "A request with this Idempotency-Key is under way.",
  413: "The message is too large.",
  415: "Content-Type or Content-Encoding is none of those that are taken.",
  421: "The Host is none of the gateway's.",
  422: "Every recipient or the message was refused, or the Idempotency-Key has another envelope.",
  429: "A wrong token again, after too many.",
  503: "A temporary failure: nobody has the message, it may be sent again after Retry-After.",
};

/** Describes `POST /messages`, and serves the description. */
// deno-lint-ignore no-explicit-any -- whatever the app's context holds
export function describe(app: OpenAPIHono<any>, tokens: boolean): void {
  const { openAPIRegistry: registry } = app;
  registry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  registry.registerPath({
    method: "post",
    path: "/messages",
    summary: "Sends a message, and answers with the upstream's reply for each recipient.",
    request: {
      query: z.object({ from: path.optional(), to: paths.optional() }),
      headers: z.object({
        "mail-from": path.optional().describe("A path; %XX for %, commas and what is not ASCII."),
        "rcpt-to": path.optional().describe("The same, perhaps several with commas between them."),
        "idempotency-key": z.string().optional().describe(
          "Of a request that is sent again: the first one's answer comes again.",
        ),
      }),
      body: {
        required: true,
        content: {
          "message/rfc822": { schema: message },
          "message/global": { schema: message },
          "multipart/form-data": {
            schema: z.object({ from: path.optional(), to: paths.optional(), message })
              .describe("The message comes last."),
          },
        },
      },
    },
    responses: {
      200: json(answer, "The message was taken for all recipients."),
      207: json(answer, "The message was taken for some; those with another code get nothing."),
      ...Object.fromEntries(
        Object.entries(failures).map(([status, words]) => [status, json(failure, words)]),
      ),
    },
  });
  app.doc31("/openapi.json", {
    openapi: "3.1.0",
    info: {
      title: "Sluice gateway",
      version,
      description: "Sends mail that comes by HTTP through a filtering SMTP proxy.",
    },
    // Beside this description, wherever the gateway is mounted.
    servers: [{ url: "." }],
    security: tokens ? [{ token: [] }] : [],
  });
}
