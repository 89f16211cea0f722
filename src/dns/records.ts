/**
 * Records of the domain name system, for those who must tell that there are none from that nobody
 * could say.
 *
 * @module
 */

/** What records of each type are given as. Names have no full stop at the end. */
export interface Records {
  /** An IPv4 address (RFC 1035 §3.4.1). */
  readonly A: string;
  /** An IPv6 address (RFC 3596 §2.2). */
  readonly AAAA: string;
  /** The name that an alias stands for (RFC 1035 §3.3.1). */
  readonly CNAME: string;
  /** A host that takes mail (RFC 1035 §3.3.9). */
  readonly MX: { readonly exchange: string; readonly priority: number };
  /** A name (RFC 1035 §3.3.12). */
  readonly PTR: string;
  /** The texts of one record, one character for each octet (RFC 1035 §3.3.14). */
  readonly TXT: readonly string[];
}

/** A type of records. */
export type RecordType = keyof Records;

/** Asks for records. */
export interface RecordResolver {
  /**
   * All records of a type, at least one.
   *
   * @param name A domain name from the root, with or without the full stop at the end.
   * @param signal Calls it off.
   * @throws An error whose `code` is `ENOTFOUND` where it is known that there is no such name,
   * `ENODATA` where it has no such record, and `EBADNAME` where it cannot be a name, as those of
   * `node:dns`. Whatever else it throws may be different the next time.
   */
  records<T extends RecordType>(
    name: string,
    type: T,
    signal: AbortSignal,
  ): Promise<readonly Records[T][]>;
}

/** Why there are no records, in the words of `node:dns`; the last two may be different later. */
export type RecordFault = "ENOTFOUND" | "ENODATA" | "EBADNAME" | "ESERVFAIL" | "EREFUSED";

/** There are no records, or nobody could say; see {@linkcode RecordResolver}. */
export class RecordError extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "RecordError";
  /** Is what a resolver throws. */
  constructor(readonly code: RecordFault, asked: string) {
    super(`Cannot find the records of ${asked}: ${code}`);
  }
}
