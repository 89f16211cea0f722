/**
 * What the admin tells browsers to forbid: foreign resources, inline code, frames, other pages'
 * reading, keeping.
 *
 * @module
 */

import { NONCE, secureHeaders, type SecureHeadersVariables } from "hono/secure-headers";
import type { MiddlewareHandler } from "hono";

const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: [NONCE],
    // Style elements only: `style` attributes in the markup stay forbidden, whereas what scripts set
    // through the CSSOM is none of this header's business.
    styleSrc: [NONCE],
    connectSrc: ["'self'"],
    imgSrc: ["'self'", "data:"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  crossOriginOpenerPolicy: "same-origin",
  crossOriginResourcePolicy: "same-origin",
  referrerPolicy: "no-referrer",
  xContentTypeOptions: "nosniff",
  xFrameOptions: "DENY",
  // Belongs to whoever speaks TLS, and would bind every other service of the same name.
  strictTransportSecurity: false,
});

/**
 * Sets the security headers of every answer, refusals included: to be used before all else.
 *
 * The nonce of `script` and `style` elements is `c.get("secureHeadersNonce")`. Every answer is
 * `no-store` but those that call themselves `immutable`: assets whose name changes with their
 * content.
 */
export function securityHeaders(): MiddlewareHandler<{ Variables: SecureHeadersVariables }> {
  return async (c, next) => {
    await headers(c, next);
    // Not "unless set": an event stream calls itself no-cache, which lets it be kept.
    if (!c.res.headers.get("cache-control")?.includes("immutable")) {
      c.res.headers.set("cache-control", "no-store");
    }
  };
}
