import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  extensionsOf,
  type MailParameters,
  type ParameterFault,
  parseMailParameters,
  parseRcptParameters,
  printMailParameters,
  printRcptParameters,
  type RcptParameters,
} from "../../src/rfc5321/parameter.ts";
import { mailTable, rcptTable } from "../../src/rfc5321/parameter_table.ts";
import { encodeXtext } from "../../src/rfc5321/xtext.ts";

function mail(text: string): MailParameters {
  const parameters = parseMailParameters(text);
  if ("fault" in parameters) throw new Error(`${text}: ${parameters.fault} ${parameters.keyword}`);
  return parameters;
}

function rcpt(text: string): RcptParameters {
  const parameters = parseRcptParameters(text);
  if ("fault" in parameters) throw new Error(`${text}: ${parameters.fault} ${parameters.keyword}`);
  return parameters;
}

const syntax = (keyword: string): ParameterFault => ({ fault: "parameter-syntax", keyword });

/** One sample of each parameter in the form in which it is printed: the table's own test. */
const mailSamples: {
  [K in keyof Required<MailParameters>]: [string, MailParameters[K], string[]];
} = {
  size: ["SIZE=1000000", 1000000, ["SIZE"]],
  body: ["BODY=8BITMIME", "8BITMIME", ["8BITMIME"]],
  smtputf8: ["SMTPUTF8", true, ["SMTPUTF8"]],
  auth: ["AUTH=e+3Dmc2@example.com", "e+3Dmc2@example.com", ["AUTH"]],
  ret: ["RET=HDRS", "HDRS", ["DSN"]],
  envid: ["ENVID=QQ314159", "QQ314159", ["DSN"]],
  mtPriority: ["MT-PRIORITY=-3", -3, ["MT-PRIORITY"]],
  by: ["BY=120;RT", { seconds: 120, mode: "R", trace: true }, ["DELIVERBY"]],
  holdFor: ["HOLDFOR=86400", 86400, ["FUTURERELEASE"]],
  holdUntil: ["HOLDUNTIL=2007-06-12T00:00:00Z", "2007-06-12T00:00:00Z", ["FUTURERELEASE"]],
  requireTls: ["REQUIRETLS", true, ["REQUIRETLS"]],
};
const rcptSamples: {
  [K in keyof Required<RcptParameters>]: [string, RcptParameters[K], string[]];
} = {
  notify: ["NOTIFY=SUCCESS,DELAY", ["SUCCESS", "DELAY"], ["DSN"]],
  orcpt: [
    "ORCPT=rfc822;Carol@Ivory.EDU",
    { addressType: "rfc822", address: "Carol@Ivory.EDU" },
    ["DSN"],
  ],
  rrvs: ["RRVS=2014-04-03T23:01:00Z;R", { date: "2014-04-03T23:01:00Z", action: "R" }, ["RRVS"]],
};

Deno.test("every row of the tables has a sample that goes both ways", () => {
  assertEquals(Object.keys(mailSamples), Object.keys(mailTable));
  for (const [property, [text, value, extensions]] of Object.entries(mailSamples)) {
    const parameters = mail(` ${text}`);
    assertEquals(parameters, { [property]: value } as MailParameters);
    assertEquals(printMailParameters(parameters), ` ${text}`);
    assertEquals(extensionsOf(parameters), extensions);
    const lower = text.replace(/^[A-Z0-9-]+/, (keyword) => keyword.toLowerCase());
    assertEquals(mail(` ${lower}`), parameters);
    assertEquals(parseRcptParameters(` ${text}`), {
      fault: "unknown-parameter",
      keyword: text.split("=")[0],
    });
  }
  assertEquals(Object.keys(rcptSamples), Object.keys(rcptTable));
  for (const [property, [text, value, extensions]] of Object.entries(rcptSamples)) {
    const parameters = rcpt(` ${text}`);
    assertEquals(parameters, { [property]: value } as RcptParameters);
    assertEquals(printRcptParameters(parameters), ` ${text}`);
    assertEquals(extensionsOf(parameters), extensions);
    const lower = text.replace(/^[A-Z0-9-]+/, (keyword) => keyword.toLowerCase());
    assertEquals(rcpt(` ${lower}`), parameters);
  }
});

Deno.test("no parameter comes without its value, or with one that it must not have", () => {
  for (const row of Object.values(mailTable)) {
    const isFlag = row.keyword === "SMTPUTF8" || row.keyword === "REQUIRETLS";
    const wrong = isFlag ? `${row.keyword}=1` : row.keyword;
    assertEquals(parseMailParameters(` ${wrong}`), syntax(row.keyword));
    assertEquals(parseMailParameters(` ${row.keyword}=`), syntax(""));
  }
  for (const row of Object.values(rcptTable)) {
    assertEquals(parseRcptParameters(` ${row.keyword}`), syntax(row.keyword));
  }
});

Deno.test("MAIL: values in the grammar", () => {
  const table: [string, MailParameters][] = [
    ["", {}],
    [" SIZE=0", { size: 0 }],
    [" SIZE=00000000000000000007", { size: 7 }],
    [" SIZE=9007199254740991", { size: Number.MAX_SAFE_INTEGER }],
    [" body=7bit", { body: "7BIT" }],
    [" BODY=BinaryMime", { body: "BINARYMIME" }],
    [" AUTH=<>", { auth: "<>" }],
    [" AUTH=+3C+3E", { auth: "+3C+3E" }],
    [" AUTH=+22a+20b+22@c", { auth: "+22a+20b+22@c" }],
    [" RET=full", { ret: "FULL" }],
    [" ENVID=" + "x".repeat(100), { envid: "x".repeat(100) }],
    [" ENVID=a+20b+2B", { envid: "a+20b+2B" }],
    [" MT-PRIORITY=0", { mtPriority: 0 }],
    [" MT-PRIORITY=-9", { mtPriority: -9 }],
    [" MT-PRIORITY=9", { mtPriority: 9 }],
    [" BY=+0;n", { by: { seconds: 0, mode: "N", trace: false } }],
    [" BY=-0;N", { by: { seconds: 0, mode: "N", trace: false } }],
    [" BY=-999999999;nt", { by: { seconds: -999999999, mode: "N", trace: true } }],
    [" BY=1;R", { by: { seconds: 1, mode: "R", trace: false } }],
    [" HOLDFOR=999999999", { holdFor: 999999999 }],
    [" HOLDUNTIL=2007-06-12T00:00:00.25z", { holdUntil: "2007-06-12T00:00:00.25z" }],
    [
      " RET=HDRS SIZE=5 SMTPUTF8 BODY=8BITMIME",
      { ret: "HDRS", size: 5, smtputf8: true, body: "8BITMIME" },
    ],
  ];
  for (const [text, expected] of table) assertEquals(mail(text), expected, text);
});

Deno.test("MAIL: values out of the grammar", () => {
  const table: [keyword: string, ...values: string[]][] = [
    ["SIZE", "-1", "+1", "1.0", "1e3", "0x10", "9007199254740992", "000000000000000000001", "١"],
    ["BODY", "8BIT", "7BIT,8BITMIME", "ſBITMIME", "constructor"],
    // RFC 4954 §5: a mailbox or <>; never a line end inside (CVE-2020-28021)
    [
      "AUTH",
      "a",
      "a@",
      "<a@b>",
      "postmaster",
      "+",
      "a+4",
      "a@b+0D+0AQUIT",
      "a+0Ab@c",
      "ü@b",
      "+FF@b",
    ],
    ["RET", "BOTH", "FULL,HDRS"],
    ["ENVID", "x".repeat(101), "+0D+0A", "a+00", "+C3+BC", "ü", "+2b", "a+"],
    ["MT-PRIORITY", "10", "-10", "+1", "-0", "00", "1.5", "--1"],
    ["BY", "120", "120;", "120;X", "120;T", "120;RTT", ";R", "1234567890;N", "0;R", "-1;R", "+;N"],
    ["HOLDFOR", "0", "01", "-1", "1234567890"],
    ["HOLDUNTIL", "2007-06-12", "2007-06-12T00:00:00+01:00", "2007-02-30T00:00:00Z"],
  ];
  for (const [keyword, ...values] of table) {
    for (const value of values) {
      assertEquals(parseMailParameters(` ${keyword}=${value}`), syntax(keyword), value);
    }
  }
});

Deno.test("RCPT: values in the grammar", () => {
  const table: [string, RcptParameters][] = [
    ["", {}],
    [" NOTIFY=never", { notify: ["NEVER"] }],
    [" NOTIFY=delay,FAILURE,Success", { notify: ["DELAY", "FAILURE", "SUCCESS"] }],
    [" ORCPT=x400;/C+3DUS", { orcpt: { addressType: "x400", address: "/C+3DUS" } }],
    // RFC 6533 §3: the three forms of an internationalised address
    [" ORCPT=utf-8;a\\x{C4}b@c", { orcpt: { addressType: "utf-8", address: "a\\x{C4}b@c" } }],
    [" ORCPT=UTF-8;ü@ü", { orcpt: { addressType: "UTF-8", address: "ü@ü" } }],
    [" ORCPT=utf-8;\\x{10FFFF}@c", { orcpt: { addressType: "utf-8", address: "\\x{10FFFF}@c" } }],
    [" RRVS=2014-04-03T23:01:00Z", { rrvs: { date: "2014-04-03T23:01:00Z" } }],
    [
      " RRVS=2014-04-03T23:01:00+05:30;c",
      { rrvs: { date: "2014-04-03T23:01:00+05:30", action: "C" } },
    ],
  ];
  for (const [text, expected] of table) assertEquals(rcpt(text), expected, text);
  rcpt(` ORCPT=rfc822;${"x".repeat(493)}`);
});

Deno.test("RCPT: values out of the grammar", () => {
  const table: [keyword: string, ...values: string[]][] = [
    [
      "NOTIFY",
      "NEVER,SUCCESS",
      "SUCCESS,SUCCESS",
      "SUCCESS,",
      ",",
      "ALWAYS",
      "ſUCCESS",
      "NEVER,NEVER",
    ],
    [
      "ORCPT",
      "rfc822",
      "rfc822;",
      ";a@b",
      "rfc 822;a",
      "rfc@822;a@b",
      "rfc822;a+0D+0Ab",
      "rfc822;a+b",
      "rfc822;ü@b",
      "utf-8;a+2Bb@c",
      "utf-8;a\\b@c",
      "utf-8;\\x{00}@c",
      "utf-8;\\x{41}@c",
      "utf-8;\\x{D800}@c",
      "utf-8;\\x{110000}@c",
      "utf-8;\\x{c4}@c",
      `rfc822;${"x".repeat(494)}`,
      `utf-8;${"ü".repeat(248)}`,
    ],
    [
      "RRVS",
      "2014-04-03",
      "2014-04-03T23:01:00.5Z",
      "2014-04-03T23:01:00Z;X",
      "2014-04-03T23:01:00Z;",
    ],
  ];
  for (const [keyword, ...values] of table) {
    for (const value of values) {
      const fault = parseRcptParameters(` ${keyword}=${value}`);
      assert("fault" in fault, value);
      if (!value.includes(" ")) assertEquals(fault, syntax(keyword), value);
    }
  }
});

Deno.test("faults of the list itself", () => {
  const table: [string, ParameterFault][] = [
    ["SIZE=1", syntax("")],
    ["x SIZE=1", syntax("")],
    [" ", syntax("")],
    [" SIZE=1 ", syntax("")],
    ["  SIZE=1", syntax("")],
    [" SIZE=1  BODY=7BIT", syntax("")],
    [" =1", syntax("")],
    [" -A=1", syntax("")],
    [" S_IZE=1", syntax("")],
    [" SIZE=1=2", syntax("")],
    [" \u017fIZE=1", syntax("")],
    [" SIZE=1\tBODY=7BIT", syntax("")],
    [" SIZE=1\r\nRSET", syntax("")],
    [" AUTH=\u2028@b", syntax("")],
    [" X-FOO", { fault: "unknown-parameter", keyword: "X-FOO" }],
    [" constructor=1", { fault: "unknown-parameter", keyword: "CONSTRUCTOR" }],
    [" SIZE=1 size=1", { fault: "duplicate-parameter", keyword: "SIZE" }],
    // RFC 4865 §4.1
    [" HOLDFOR=1 HOLDUNTIL=2007-06-12T00:00:00Z", syntax("HOLDUNTIL")],
    [" HOLDUNTIL=2007-06-12T00:00:00Z HOLDFOR=1", syntax("HOLDUNTIL")],
  ];
  for (const [text, fault] of table) assertEquals(parseMailParameters(text), fault, text);
  assertEquals(parseRcptParameters(" NOTIFY=NEVER NOTIFY=NEVER"), {
    fault: "duplicate-parameter",
    keyword: "NOTIFY",
  });
});

Deno.test("the order is kept and the values are frozen", () => {
  const parameters = mail(" RET=FULL BY=5;N SIZE=3");
  assertEquals(Object.keys(parameters), ["ret", "by", "size"]);
  assertEquals(printMailParameters(parameters), " RET=FULL BY=5;N SIZE=3");
  assert(Object.isFrozen(parameters) && Object.isFrozen(parameters.by));
  const recipient = rcpt(" NOTIFY=NEVER ORCPT=rfc822;a@b RRVS=2014-04-03T23:01:00Z");
  for (const value of [recipient, ...Object.values(recipient)]) assert(Object.isFrozen(value));
});

Deno.test("extensionsOf", () => {
  const table: [MailParameters | RcptParameters, string[]][] = [
    [{}, []],
    [{ body: "7BIT" }, ["8BITMIME"]],
    [{ body: "BINARYMIME" }, ["BINARYMIME"]],
    [{ size: 1, ret: "FULL", envid: "x", smtputf8: true }, ["SIZE", "DSN", "SMTPUTF8"]],
    [{ size: undefined }, []],
    [{ orcpt: { addressType: "utf-8", address: "ü@x" } }, ["DSN", "SMTPUTF8"]],
    [{ orcpt: { addressType: "utf-8", address: "\\x{C4}@x" }, notify: ["NEVER"] }, ["DSN"]],
  ];
  for (const [parameters, keywords] of table) assertEquals(extensionsOf(parameters), keywords);
});

Deno.test("what a policy makes is checked when it is printed", () => {
  const wrong: MailParameters[] = [
    { size: -1 },
    { size: 1.5 },
    { size: NaN },
    { size: Infinity },
    { size: 2 ** 53 },
    { envid: "a b" },
    { envid: "" },
    { envid: "a SIZE=1" },
    { auth: "a@b\r\nQUIT" },
    { mtPriority: 10 },
    { by: { seconds: -5, mode: "R", trace: false } },
    { holdFor: 0 },
    { holdUntil: "tomorrow" },
    { body: "9BIT" as "7BIT" },
    { notThere: 1 } as MailParameters,
    { toString: 1 } as unknown as MailParameters,
  ];
  for (const parameters of wrong) {
    assertThrows(() => printMailParameters(parameters), RangeError, "Cannot print");
  }
  const wrongRcpt: RcptParameters[] = [
    { notify: [] },
    { notify: ["NEVER", "DELAY"] },
    { orcpt: { addressType: "rfc822", address: "a@b NOTIFY=NEVER" } },
    { rrvs: { date: "2014-04-03T23:01:00Z\n" } },
  ];
  for (const parameters of wrongRcpt) {
    assertThrows(() => printRcptParameters(parameters), RangeError, "Cannot print");
  }
  assertEquals(printMailParameters({ size: undefined, ret: "FULL" }), " RET=FULL");
});

const someXtext = fc.string({ minLength: 1, maxLength: 20 }).map(encodeXtext);
const someDate = fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true })
  .map((date) => date.toISOString().replace(/\.\d+/, ""));
const seconds = fc.integer({ min: 1, max: 999_999_999 });

const someMail: fc.Arbitrary<MailParameters> = fc.record(
  {
    size: fc.maxSafeNat(),
    body: fc.constantFrom("7BIT", "8BITMIME", "BINARYMIME"),
    smtputf8: fc.constant(true),
    auth: fc.constantFrom("<>", "a@b", "+22a+20b+22@c"),
    ret: fc.constantFrom("FULL", "HDRS"),
    envid: someXtext,
    mtPriority: fc.integer({ min: -9, max: 9 }),
    by: fc.record({
      seconds,
      mode: fc.constantFrom("R", "N"),
      trace: fc.boolean(),
    }),
    requireTls: fc.constant(true),
  },
  { requiredKeys: [], noNullPrototype: true },
) as fc.Arbitrary<MailParameters>;

const someRcpt: fc.Arbitrary<RcptParameters> = fc.record(
  {
    notify: fc.oneof(
      fc.constant(["NEVER"]),
      fc.shuffledSubarray(["SUCCESS", "FAILURE", "DELAY"], { minLength: 1 }),
    ),
    orcpt: fc.record(
      { addressType: fc.constantFrom("rfc822", "x400"), address: someXtext },
      { noNullPrototype: true },
    ),
    rrvs: fc.record({ date: someDate, action: fc.constantFrom("C", "R") }, {
      requiredKeys: ["date"],
      noNullPrototype: true,
    }),
  },
  { requiredKeys: [], noNullPrototype: true },
) as fc.Arbitrary<RcptParameters>;

Deno.test("parsing undoes printing", () => {
  fc.assert(fc.property(someMail, fc.option(seconds), fc.option(someDate), (some, hold, until) => {
    const parameters = hold !== null
      ? { ...some, holdFor: hold }
      : until !== null
      ? { holdUntil: until, ...some }
      : some;
    const parsed = mail(printMailParameters(parameters));
    assertEquals(parsed, parameters);
    assertEquals(Object.keys(parsed), Object.keys(parameters));
  }));
  fc.assert(fc.property(someRcpt, (parameters) => {
    assertEquals(rcpt(printRcptParameters(parameters)), parameters);
  }));
});

/** What printing may change: the case of words, and how a number is written. */
function canonical(text: string): string {
  return text
    .replace(/(SIZE|BY)=\+?(-?)0*(?=\d)/gi, "$1=$2")
    .replace(/BY=-0;/gi, "BY=0;")
    .toUpperCase();
}

Deno.test("printing undoes parsing up to the case of words and the form of numbers", () => {
  const words = [
    ...[...Object.values(mailSamples), ...Object.values(rcptSamples)].flatMap(([text]) => [
      text,
      text.toLowerCase(),
    ]),
    "SIZE=0007",
    "BY=+007;N",
    "BY=-0;nt",
    "AUTH=<>",
    "NOTIFY=Never",
    "RRVS=2014-04-03T23:01:00-08:00",
    "ENVID=+20",
  ];
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 4 }), (list) => {
      const text = list.map((word) => ` ${word}`).join("");
      const asMail = parseMailParameters(text);
      const asRcpt = parseRcptParameters(text);
      if (!("fault" in asMail)) {
        accepted++;
        assertEquals(canonical(printMailParameters(asMail)), canonical(text));
      }
      if (!("fault" in asRcpt)) {
        accepted++;
        assertEquals(canonical(printRcptParameters(asRcpt)), canonical(text));
      }
    }),
    { numRuns: 2000 },
  );
  assert(accepted > 500);
});
