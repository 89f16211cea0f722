import { openSession } from "@sluice/sluice/testing";
import policy from "./login_may_send_as.ts";

const cases: readonly (readonly [login: string | undefined, sender: string, reply: string])[] = [
  [undefined, "alice@our.example", "530 5.7.0"],
  ["alice", "alice@our.example", "250"],
  ["alice", "sales@OUR.example", "250"],
  ["alice", "bob@our.example", "553 5.7.1"],
  ["alice", "", "553 5.7.1"],
  ["shop", "orders@shop.example", "250"],
  ["shop", "orders@our.example", "553 5.7.1"],
  ["mallory", "alice@our.example", "553 5.7.1"],
];

for (const [login, sender, reply] of cases) {
  Deno.test(`login may send as: ${login ?? "nobody"} as <${sender}>`, async () => {
    await using session = await openSession({ policy, client: { login } });
    await session.cmd(`MAIL FROM:<${sender}>`, reply);
  });
}
