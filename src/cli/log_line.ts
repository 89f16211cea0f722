/**
 * One event as one line of text, whatever its values hold: nobody outside can end a line early, add a
 * field, or move an operator's terminal.
 *
 * @module
 */

/** Of a field; one that is absent is left out. Several make a field each in text, an array in JSON. */
export type FieldValue = string | number | readonly string[] | undefined;

/** The fields of an event in their order. */
export type Fields = Readonly<Record<string, FieldValue>>;

/** What happened. */
export interface LogEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** `info`. */
  readonly level: string;
  /** Its name, without spaces: `accepted`. */
  readonly event: string;
  /** What is known of it. */
  readonly fields: Fields;
}

/** Writes an event as a line, without its end. */
export type LineFormat = (event: LogEvent) => string;

/** How lines can look. */
export const lineFormats: Readonly<Record<"text" | "json", LineFormat>> = { text, json };

/** What stands for itself; a space, `=` and `"` have a meaning, a backslash begins an escape. */
const bare = /^[!#-<>-[\]-~]+$/;
/** What makes quotes necessary where nothing has to be escaped. */
const quotable = /[\s"=\\]/;
/**
 * Control, format, private and unassigned characters, separators, and what is not shown at all: line
 * ends of other programs, terminal sequences, bidirectional overrides.
 */
const treacherous = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu;
const ascii = /^[ -~]*$/;

/** `2026-11-23T09:12:44.501Z accepted id=8da0a6f4-0-1 from=<a@mx.example> reply="250 2.0.0 Ok"` */
function text({ at, event, fields }: LogEvent): string {
  let line = `${new Date(at).toISOString()} ${event}`;
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === "string") line += field(name, value);
    else if (typeof value === "number") line += ` ${name}=${value}`;
    else if (value !== undefined) { for (const one of value) line += field(name, one); }
  }
  return line;
}

function field(name: string, value: string): string {
  return ` ${name}=${bare.test(value) ? value : quoted(value)}`;
}

/** Quotes as JSON does, where that is needed: whoever reads the value back gets it as it was. */
function quoted(value: string): string {
  const literal = escaped(JSON.stringify(value));
  // Letters of other scripts stand for themselves too.
  return literal.length > value.length + 2 || quotable.test(value) || value === ""
    ? literal
    : value;
}

/** `{"time":"2026-11-23T09:12:44.501Z","level":"info","event":"accepted","id":"8da0a6f4-0-1"}` */
function json({ at, level, event, fields }: LogEvent): string {
  const time = new Date(at).toISOString();
  return escaped(JSON.stringify({ time, level, event, ...fields }));
}

/**
 * Text in which nothing treacherous stands as it is, but as `\u202e`. To JSON it is the same as
 * before.
 */
export function escaped(text: string): string {
  return ascii.test(text) ? text : text.replace(treacherous, (character) => {
    let escape = "";
    for (let at = 0; at < character.length; at++) {
      escape += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
    }
    return escape;
  });
}
