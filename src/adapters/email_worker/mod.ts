/**
 * The same policy in Cloudflare Email Routing: `email(message)` instead of a session.
 *
 * @module
 */

export { emailWorker, TemporaryFailure } from "./email_worker.ts";
export { UnsupportedVerdict } from "./hearing.ts";
export type { EmailHandler, EmailMessage } from "./message.ts";
export { type EmailWorkerOptions } from "./options.ts";
