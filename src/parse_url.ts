/**
 * URLs that may be none.
 *
 * @module
 */

/** What `URL.parse` does, which Node has from version 22 on. */
export function parseUrl(text: string | URL): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
