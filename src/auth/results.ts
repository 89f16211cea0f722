/**
 * What authentication has found out about a message, and the field that says so.
 *
 * @module
 */

/** A result of any method (RFC 8601 §2.7). */
export type MethodResult =
  | "none"
  | "pass"
  | "fail"
  | "softfail"
  | "policy"
  | "neutral"
  | "temperror"
  | "permerror";

/** What a domain asks for where DMARC fails (RFC 7489 §6.3). */
export type DmarcWish = "none" | "quarantine" | "reject";

/** One DKIM signature (RFC 6376). */
export interface DkimResult {
  /** What has become of it. */
  readonly result: MethodResult;
  /** Who has signed, in lower case. */
  readonly domain: string;
  /** Which key. */
  readonly selector: string;
}

/** What authentication has found out. */
export interface AuthenticationResults {
  /** Whether the client may send for the domain of the reverse-path, or of EHLO where that is null. */
  readonly spf: { readonly result: MethodResult; readonly domain: string };
  /** One for each signature; none where the message bears none. */
  readonly dkim: readonly DkimResult[];
  /**
   * Whether the author's domain stands behind it. A failure that may be none, because SPF or DKIM could
   * not be found out about, is `temperror`; without one author's domain it is `permerror`.
   */
  readonly dmarc: {
    readonly result: MethodResult;
    /** The author's domain, where there is one. */
    readonly domain?: string;
    /** What it wants to be done with failures, where it says so. */
    readonly wish?: DmarcWish;
    /** There are several From fields or domains, and whom a reader is shown nobody knows. */
    readonly ambiguous?: true;
  };
  /** Whether the chain of those who have passed it on is whole (RFC 8617), and who was the last. */
  readonly arc: { readonly result: MethodResult; readonly sealer?: string };
  /** The value of the Authentication-Results field (RFC 8601 §2.2). */
  readonly field: string;
}

/** What mailauth says of one method. */
export interface Finding {
  readonly status: { readonly result: string };
  /** As it stands in the field; absent where nothing is to stand there. */
  readonly info?: string;
}

/** What mailauth says of a message; see its `authenticate`. */
export interface Findings {
  readonly dkim: {
    readonly results: readonly (Finding & {
      readonly signingDomain?: string;
      readonly selector?: string;
    })[];
  };
  readonly spf: Finding & { readonly domain: string };
  readonly dmarc:
    | Finding & {
      readonly status: { readonly header?: { readonly from?: string } };
      readonly policy?: string;
    }
    | false;
  readonly arc:
    | Finding & { readonly signature?: { readonly signingDomain?: string } | false }
    | false;
  /** Why `dmarc` is `false`. */
  readonly dmarcSkipReason?: string;
}

/** Signatures that stand in the field. */
const MAX_ROWS = 10;

/** Octets without white space that fit into a line of a field (RFC 5322 §2.1.1). */
const MAX_WORD = 900;

/** Reads mailauth's findings. */
export function resultsOf(authservId: string, findings: Findings): AuthenticationResults {
  const { spf, dkim: { results }, arc } = findings;
  const dkim = results.flatMap(({ status, signingDomain, selector = "" }) => {
    if (signingDomain === undefined) return [];
    return [{ result: resultOf(status), domain: signingDomain.toLowerCase(), selector }];
  });
  const unsure = [resultOf(spf.status), ...dkim.map(({ result }) => result)].includes("temperror");
  const [dmarc, dmarcRow] = dmarcOf(findings, unsure);
  const rows = [
    ...results.slice(0, MAX_ROWS).map(({ info }) => info),
    spf.info,
    dmarcRow,
    arc === false ? undefined : arc.info,
  ];
  return {
    spf: { result: resultOf(spf.status), domain: spf.domain.toLowerCase() },
    dkim,
    dmarc,
    arc: arcOf(arc),
    field: fieldOf(authservId, rows),
  };
}

function dmarcOf(
  { dmarc, dmarcSkipReason }: Findings,
  unsure: boolean,
): [AuthenticationResults["dmarc"], string | undefined] {
  if (dmarc === false) {
    const ambiguous = dmarcSkipReason !== undefined && dmarcSkipReason !== "no-author-domain";
    return [{ result: "permerror", ...ambiguous && { ambiguous } }, "dmarc=permerror"];
  }
  const { status, policy, info } = dmarc;
  const domain = status.header?.from?.toLowerCase();
  const wish = wishes.find((wish) => wish === policy);
  const known = { ...domain !== undefined && { domain }, ...wish !== undefined && { wish } };
  const result = resultOf(status);
  if (result !== "fail" || !unsure) return [{ result, ...known }, info];
  // Who could not be asked about a key does not know that nobody has signed.
  return [{ result: "temperror", ...known }, info?.replace(/^dmarc=fail/, "dmarc=temperror")];
}

function arcOf(arc: Findings["arc"]): AuthenticationResults["arc"] {
  if (arc === false) return { result: "none" };
  const result = resultOf(arc.status);
  const sealer = arc.signature ? arc.signature.signingDomain?.toLowerCase() : undefined;
  return { result, ...result === "pass" && sealer !== undefined && { sealer } };
}

const wishes: readonly DmarcWish[] = ["none", "quarantine", "reject"];

const methodResults: readonly MethodResult[] = [
  ...["none", "pass", "fail", "softfail", "policy", "neutral", "temperror", "permerror"] as const,
];

function resultOf({ result }: Finding["status"]): MethodResult {
  return methodResults.find((known) => known === result) ?? "neutral";
}

/** Much of it is what strangers have said of themselves. */
function fieldOf(authservId: string, rows: readonly (string | undefined)[]): string {
  const told = rows.flatMap((row) => {
    const text = row?.replace(/[ \t\r\n]+/g, " ").replace(/[^ -~]+/g, "?") ?? "";
    return text === "" || text.split(" ").some(({ length }) => length > MAX_WORD) ? [] : [text];
  });
  return [authservId, ...told.length === 0 ? ["none"] : told].join("; ");
}
