/**
 * A message as it is typed into a form.
 *
 * @module
 */

/** With CRLF at the end of each line, the last one too; `undefined` for none. */
export function typedMessage(text: string): string | undefined {
  if (text === "") return undefined;
  const lines = text.replace(/\r\n?|\n/g, "\r\n");
  return lines.endsWith("\r\n") ? lines : `${lines}\r\n`;
}

/** Addresses one a line, or with commas or blanks between; without brackets. */
export function typedAddresses(text: string): string[] {
  return text.split(/[\s,;]+/).filter((word) => word !== "").map(withoutBrackets);
}

/** `<a@b.example>` → `a@b.example`. */
export function withoutBrackets(text: string): string {
  return text.trim().replace(/^<(.*)>$/, "$1");
}
