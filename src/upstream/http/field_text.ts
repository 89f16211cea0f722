/**
 * Texts of an envelope in the fields of an HTTP header.
 *
 * A field holds ASCII (RFC 9110 §5.5), an address perhaps more (RFC 6531 §3.3): `%`, a comma and what
 * is not printable ASCII stand as the `%XX` of their UTF-8 octets. So a comma is always one between two
 * elements of a list (RFC 9110 §5.6.1).
 *
 * @module
 */

const special = /[^ -~]|[%,]/gu;

/** As it stands in a field, and as an element of a list. */
export function escaped(text: string): string {
  return text.replace(special, (found) => encodeURIComponent(found));
}

/** What {@linkcode escaped} was given; `undefined` where it has not made this. */
export function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The elements of a list, escaped as they are. */
export function elementsOf(list: string): string[] {
  return list.split(",").map((element) => element.trim());
}
