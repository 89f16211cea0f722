/**
 * Who messages are from: SPF, DKIM, DMARC and ARC, and DKIM signatures of one's own. What checks them
 * (mailauth) is loaded with the first message that is checked.
 *
 * @module
 */

export { authentication, type AuthenticationOptions } from "./authentication.ts";
export { type Decide, dmarcPolicy, type DmarcPolicyOptions } from "./dmarc_policy.ts";
export { dkimSigner, type DkimSignerOptions } from "./dkim_signer.ts";
export { type SigningKey, signingKey } from "./dkim/signing_key.ts";
export type { AuthenticationResults, DkimResult, DmarcWish, MethodResult } from "./results.ts";
export { httpsNameClient, nameClient, type NameClientOptions } from "../dns/client.ts";
export {
  RecordError,
  type RecordFault,
  type RecordResolver,
  type Records,
  type RecordType,
} from "../dns/records.ts";
export type { FilterOptions } from "../content/filter_options.ts";
