/**
 * Messages that are odd and all the same have to pass octet for octet, and at which nothing that looks
 * at messages may throw. Each can come by BDAT; `oddMessagesByData` has those that can also come by DATA.
 *
 * @module
 */

import { concat, encode } from "../../src/bytes.ts";

/** So deep lie multiparts in one another. */
const DEPTH = 200;

/** So many parts lie beside one another. */
const PARTS = 10_000;

/** Octets of a header section that is larger than any window. */
const LARGE = 1_048_576;

/** Each octet once, line ends and NUL among them, without a CR or LF by itself. */
const everyOctet = concat([
  Uint8Array.from({ length: 256 }, (_, octet) => octet)
    .filter((octet) => octet !== 0x0d && octet !== 0x0a),
  encode("\r\n"),
]);

const attachment = (disposition: string, type = "application/octet-stream"): string =>
  `Content-Type: ${type}\r\nContent-Disposition: ${disposition}\r\n\r\nx\r\n`;

const mixed = (...parts: readonly string[]): string =>
  `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n` +
  parts.map((part) => `--b\r\n${part}`).join("") + "--b--\r\n";

function nested(depth: number, closed: boolean): string {
  let message = "MIME-Version: 1.0\r\n";
  for (let level = 0; level < depth; level++) {
    message += `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`;
  }
  message += "Content-Type: text/plain\r\n\r\ninnermost\r\n";
  for (let level = depth - 1; closed && level >= 0; level--) message += `--b${level}--\r\n`;
  return message;
}

const nestedMessages = `${
  "Content-Type: message/rfc822\r\n\r\n".repeat(DEPTH)
}Subject: in\r\n\r\nx\r\n`;

const rows: Readonly<Record<string, string | Uint8Array>> = {
  "of one line end": "\r\n",
  "no header section": "\r\nThe body alone\r\n",
  "body without the empty line": "This is no header field\r\nnor is this\r\n",
  "header section alone": "Subject: Nothing behind it\r\n",
  "header section and the empty line": "Subject: Nothing behind it\r\n\r\n",
  "no final line end": "Subject: Hi\r\n\r\nThe last line does not end",
  "header section without its final line end": "Subject: Hi\r\nX-Last: does not end",
  "empty lines alone": "\r\n".repeat(100),
  "dots": "Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n...\r\n",
  "a first line that begins with a dot": ".Subject: hidden\r\n\r\nx\r\n",
  "a continuation in front": " folded: before anything\r\nSubject: Hi\r\n\r\nx\r\n",
  "a field that is folded oddly": "Subject:\r\n\r\nFrom: too late\r\n",
  "folds of white space": "Subject: a\r\n \r\n\t\r\n \t b\r\nTo:\r\n a@b.example\r\n\r\nx\r\n",
  "space before the colon": "Subject : Hi\r\nTo\t: a@b.example\r\n\r\nx\r\n",
  "no name before the colon": ": value\r\n:\r\n\r\nx\r\n",
  "a line of mbox": "From a@b.example Mon Jan  1 00:00:00 2024\r\nSubject: Hi\r\n\r\nx\r\n",
  "the same field a thousand times": `${"Subject: again\r\n".repeat(1_000)}\r\nx\r\n`,
  "header section of 1 MB": `${`X-Long: ${"x".repeat(900)}\r\n`.repeat(LARGE / 910)}\r\nx\r\n`,
  "one field of 1 MB": `X-Long: x\r\n${` ${"x".repeat(900)}\r\n`.repeat(LARGE / 903)}\r\nx\r\n`,
  "one line of 1 MB": `Subject: long\r\n\r\n${"x".repeat(LARGE)}\r\n`,
  "header of octets beyond ASCII": concat([
    encode("Subject: "),
    Uint8Array.of(0xe4, 0xf6, 0xfc, 0xff, 0x80),
    encode("\r\nFrom: grün <a@b.example>\r\n"),
    Uint8Array.of(0xff, 0xfe, 0x3a, 0x20),
    encode("name\r\n\r\nx\r\n"),
  ]),
  "NULs": "Subject: a\0b\r\n\0: c\r\n\0\r\n\r\n\0\0\0\r\n\0",
  "every octet": concat([encode("Subject: "), everyOctet, encode("\r\n"), everyOctet]),
  "type without its value": "Content-Type:\r\n\r\nx\r\n",
  "type that is none": 'Content-Type: ;;;=;"\\\r\nContent-Disposition: =\r\n\r\nx\r\n',
  "types that contradict":
    "Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
  "multipart without a boundary": "Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n----\r\n",
  "boundary that is empty":
    'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx\r\n----\r\n',
  "boundary that never comes": "Content-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n",
  "boundary that never closes": "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n",
  "boundary of 1000 octets":
    `Content-Type: multipart/mixed;\r\n boundary="${"b".repeat(900)}"\r\n` +
    `\r\n--${"b".repeat(900)}\r\n\r\nx\r\n--${"b".repeat(900)}--\r\n`,
  "a boundary within another":
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n" +
    "\r\n--b\r\n\r\nx\r\n--b--\r\n--b--\r\n",
  "a part without a header section": mixed("\r\nx\r\n", "x\r\n"),
  "a part that is empty": mixed("", ""),
  "names by RFC 2231": mixed(
    attachment('attachment; filename*0="a"; filename*1="b.ex"; filename*2=e'),
    attachment("attachment; filename*=UTF-8''%C3%A4%00%2F.exe"),
    attachment("attachment; filename*0*=nonsense''%FF%; filename*1*=%zz"),
    attachment("attachment; filename*2=late; filename*0=early"),
    attachment("attachment; filename*99999999999999999999=far"),
  ),
  "names by RFC 2047": mixed(
    attachment('attachment; filename="=?UTF-8?B?w6QuZXhl?="'),
    attachment('attachment; filename="=?x-unknown?Q?=FF?= =?UTF-8?B?====?="'),
  ),
  "a name that is long": mixed(attachment(`attachment; filename="${"x".repeat(900)}.exe"`)),
  "names of an object's own": mixed(
    attachment("attachment; __proto__=x; constructor=y; filename=a.txt"),
    "__proto__: x\r\nconstructor: y\r\nhasOwnProperty: z\r\n\r\nx\r\n",
  ),
  "quotes that do not close": mixed(attachment('attachment; filename="a.exe; size=1')),
  "encodings that are none": mixed(
    "Content-Type: text/html; charset=nonsense\r\nContent-Transfer-Encoding: x-odd\r\n\r\nx\r\n",
    "Content-Transfer-Encoding: base64\r\n\r\n====\r\n%%%%\r\n",
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n==ZZ=\r\n",
  ),
  "10,000 parts": mixed(...Array<string>(PARTS).fill("\r\nx\r\n")),
  "10,000 boundaries and nothing else": mixed(...Array<string>(PARTS).fill("")),
  "nested 200 deep": nested(DEPTH, true),
  "nested 200 deep and never closed": nested(DEPTH, false),
  "messages in messages 200 deep": nestedMessages,
};

/** By what is odd about them. */
export const oddMessages: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries(rows).map(([name, message]) =>
    [name, typeof message === "string" ? encode(message) : message] as const
  ),
);

/** What mail data cannot carry: octets behind the last line end, and lines of any length. */
function fitsData(message: Uint8Array): boolean {
  let line = 0;
  for (const octet of message) {
    line = octet === 0x0a ? 0 : line + 1;
    if (line > 999) return false;
  }
  return line === 0;
}

/** Those that come by DATA as they are: whole lines, none longer than RFC 5321 §4.5.3.1.6 allows. */
export const oddMessagesByData: ReadonlyMap<string, Uint8Array> = new Map(
  [...oddMessages].filter(([, message]) => fitsData(message)),
);
