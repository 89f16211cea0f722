/**
 * For whom a built-in check is meant, where it is not for everybody.
 *
 * @module
 */

import type { Path } from "../../rfc5321/path.ts";
import type { ClientFacts } from "../../session/facts.ts";
import { keyOfLogin, type List, type Lookup } from "./lookup.ts";
import type { OptionReader } from "./option_reader.ts";

/** All that are given must fit. */
export interface ConditionOptions {
  /** Addresses, networks and reverse names of clients. @default all */
  readonly clients?: List;
  /** Logins; a client without one fits none. @default all */
  readonly logins?: List;
  /** Reverse-paths. @default all */
  readonly senders?: List;
}

/** Whether the lists have a client: by its address, or by the name that a trusted peer told. */
export function findClient(
  list: Lookup,
  { address, name }: Pick<ClientFacts, "address" | "name">,
): string | undefined {
  return list.get({ address }) ?? (name === undefined ? undefined : list.get({ domain: name }));
}

/** Reads the options of a condition. */
export function readCondition(
  reader: OptionReader,
): (client: ClientFacts, reversePath: Path) => boolean {
  const clients = reader.list("clients");
  const logins = reader.list("logins");
  const senders = reader.list("senders");
  return (client, path) =>
    (clients === undefined || findClient(clients, client) !== undefined) &&
    (logins === undefined ||
      client.login !== undefined && logins.get(keyOfLogin(client.login)) !== undefined) &&
    (senders === undefined || senders.get({ path }) !== undefined);
}
