/**
 * The gateway: messages come in by HTTP, pass the same session and policy as all other mail, and are
 * with the upstream before the request is answered.
 *
 * @example What a refusal looks like
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createGateway } from "@sluice/sluice/gateway";
 * import { definePolicy, reject } from "@sluice/sluice/policy";
 *
 * const policy = definePolicy({ rcpt: () => reject("550 5.1.1 No such user") });
 * const gateway = createGateway({ policy });
 * const form = new FormData();
 * form.set("from", "a@x.example");
 * form.set("to", "b@y.example");
 * form.set("message", new File(["Subject: Hi\r\n\r\n"], "hi.eml"));
 * const answer = await gateway.fetch(
 *   new Request("http://localhost:8026/messages", { method: "POST", body: form }),
 * );
 * assertEquals(answer.status, 422);
 * const { error, recipients } = await answer.json();
 * assertEquals(error.code, "rejected");
 * assertEquals(recipients, [
 *   { address: "b@y.example", code: 550, enhanced: "5.1.1", text: "No such user" },
 * ]);
 * await gateway.close();
 * ```
 *
 * @module
 */

export { createGateway, type Gateway } from "./gateway.ts";
export type { GatewayOptions } from "./options.ts";
export type { MessageAnswer, RecipientAnswer, RefusalAnswer } from "./answer.ts";
export { type ExpiringStore, MemoryExpiringStore } from "../state/expiring_store.ts";
