/**
 * IP addresses as the core has them, from what runtimes show.
 *
 * @module
 */

/**
 * An IPv4 address that a dual-stack socket shows mapped into IPv6 (RFC 4291 §2.5.5.2) becomes IPv4
 * again, so that every comparison sees one form: `::ffff:192.0.2.1` → `192.0.2.1`. Anything else
 * stays as it is.
 */
export function unmapped(host: string): string {
  const prefix = "::ffff:";
  return host.startsWith(prefix) && host.includes(".") ? host.slice(prefix.length) : host;
}
