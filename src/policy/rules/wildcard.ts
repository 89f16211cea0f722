/**
 * Wildcards: `*` for any characters, also none, and `?` for exactly one.
 *
 * @module
 */

const star = "*".charCodeAt(0);
const question = "?".charCodeAt(0);

/** Where something lies in a text, in UTF-16 code units; the end does not belong to it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** How many code units the character at a place has. */
function widthAt(text: string, place: number): number {
  return text.codePointAt(place)! > 0xffff ? 2 : 1;
}

/**
 * Matches a whole text against wildcards. Every star takes as little as it can, the last one the rest.
 *
 * Only the last star met so far ever grows, as moving an earlier one could not help; so there are at
 * most as many steps as the subject's length times the pattern's, whatever the two are.
 *
 * @returns What each star took, or `undefined` where the text does not match.
 */
export function matchWildcard(pattern: string, subject: string): readonly Span[] | undefined {
  const spans: { start: number; end: number }[] = [];
  let at = 0;
  let behindStar = 0;
  for (let place = 0; place < subject.length;) {
    const unit = pattern.charCodeAt(at);
    if (unit === star) {
      spans.push({ start: place, end: place });
      behindStar = ++at;
    } else if (unit === question) {
      place += widthAt(subject, place);
      at++;
    } else if (unit === subject.charCodeAt(place)) {
      place++;
      at++;
    } else {
      const last = spans.at(-1);
      if (last === undefined) return undefined;
      last.end += widthAt(subject, last.end);
      place = last.end;
      at = behindStar;
    }
  }
  for (; pattern.charCodeAt(at) === star; at++) {
    spans.push({ start: subject.length, end: subject.length });
  }
  return at === pattern.length ? spans : undefined;
}
