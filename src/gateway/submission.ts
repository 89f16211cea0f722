/**
 * What a request hands in: an envelope and the octets of a message, which are still to come.
 *
 * @module
 */

import { decodeStrict } from "../bytes.ts";
import { quoted } from "../http/errors.ts";
import { NewlineGuard } from "../stages/newline_guard.ts";
import { OctetBuffer } from "../stages/octet_buffer.ts";
import {
  type Envelope,
  type EnvelopeFields,
  fieldsOf,
  readEnvelope,
  withUtf8,
} from "./envelope.ts";
import { boundaryOf, MultipartFault, MultipartSplitter, type PartHead } from "./multipart.ts";
import { RequestFault } from "./request_fault.ts";

/** See the module. */
export interface Submission {
  /** As the request has it. */
  readonly envelope: Envelope;
  /** Octets of the message, where that was declared. */
  readonly size: number | undefined;
  /** The octets of the message. Throws {@linkcode RequestFault} where they are not to be had. */
  readonly message: AsyncIterable<Uint8Array>;
}

type Octets = AsyncIterable<Uint8Array>;

/** RFC 2046 §5.2.1; RFC 6532 §3.7 for messages under SMTPUTF8. */
const messageTypes: Readonly<Record<string, (envelope: Envelope) => Envelope>> = {
  "message/rfc822": (envelope) => envelope,
  "message/global": (envelope) => ({ ...envelope, parameters: withUtf8(envelope.parameters) }),
};

const FORM = "multipart/form-data";
const digits = /^[0-9]{1,15}$/;

/**
 * Reads what comes before the message.
 *
 * @param octets The request's body.
 * @throws {RequestFault} If the request is none of those that hand in a message.
 */
export async function readSubmission(request: Request, octets: Octets): Promise<Submission> {
  const { headers, url } = request;
  const contentType = headers.get("content-type") ?? "";
  const type = contentType.split(";", 1)[0].trim().toLowerCase();
  const coding = headers.get("content-encoding") ?? "identity";
  if (coding.toLowerCase() !== "identity") throw unsupported("Content-Encoding", coding);
  const fields = fieldsOf(url, headers);
  if (type === FORM) return await readForm(contentType, fields, octets);
  if (!Object.hasOwn(messageTypes, type)) throw unsupported("Content-Type", contentType);
  const length = headers.get("content-length") ?? "";
  return {
    envelope: messageTypes[type](readEnvelope(fields)),
    size: digits.test(length) ? Number(length) : undefined,
    message: octets,
  };
}

/** The message with its line ends repaired: a CR or LF by itself becomes CRLF or a space. */
export async function* normalized(message: Octets): Octets {
  const guard = new NewlineGuard({ bareNewline: "normalize" });
  const pieces: Uint8Array[] = [];
  const out = { enqueue: (piece: Uint8Array): void => void pieces.push(piece) };
  for await (const octets of message) {
    guard.transform(octets, out);
    yield* pieces.splice(0);
  }
  guard.flush(out);
  yield* pieces;
  if (guard.fault === undefined) return;
  throw new RequestFault(422, "unsound", "Cannot repair the message: NUL before a dot");
}

/** Octets of fields at most: room for a thousand recipients. */
const FIELDS = 524_288;
/** What each field costs besides its octets, so that empty ones are not for nothing. */
const FIELD = 64;

async function readForm(
  contentType: string,
  { from, to }: EnvelopeFields,
  octets: Octets,
): Promise<Submission> {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) throw unsupported("Content-Type", contentType);
  const events = partsOf(octets, boundary);
  const fields: Readonly<Record<string, string[]>> = { from: [...from], to: [...to] };
  let field: { readonly name: string; readonly value: OctetBuffer } | undefined;
  let room = FIELDS;
  const settle = (): void => {
    if (field === undefined) return;
    const text = decodeStrict(field.value.take());
    if (text === undefined) throw badForm(`found no UTF-8 in "${field.name}"`);
    fields[field.name].push(text);
  };
  for (let event = await events.next(); !event.done; event = await events.next()) {
    const { value } = event;
    room -= value instanceof Uint8Array ? value.length : FIELD;
    if (room < 0) throw badForm(`found more than ${FIELDS} octets of fields before the message`);
    if (value instanceof Uint8Array) {
      field?.value.append(value);
      continue;
    }
    settle();
    const { name } = value;
    if (name === "message") {
      const envelope = readEnvelope({ from: fields.from, to: fields.to });
      return { envelope, size: undefined, message: lastPart(events) };
    }
    if (!Object.hasOwn(fields, name)) {
      throw badForm(`found a field ${quoted(name)}, allowed are "from", "to" and then "message"`);
    }
    field = { name, value: new OctetBuffer() };
  }
  throw badForm(`found no part "message" behind "from" and "to"`);
}

async function* partsOf(octets: Octets, boundary: string): AsyncGenerator<PartHead | Uint8Array> {
  const splitter = new MultipartSplitter(boundary);
  const events: (PartHead | Uint8Array)[] = [];
  const out = { enqueue: (event: PartHead | Uint8Array): void => void events.push(event) };
  try {
    for await (const chunk of octets) {
      splitter.transform(chunk, out);
      yield* events.splice(0);
    }
    splitter.flush();
  } catch (error) {
    if (!(error instanceof MultipartFault)) throw error;
    throw new RequestFault(400, "bad-form", error.message, { cause: error });
  }
}

/** It ends with the form: what came behind it could no longer be heeded. */
async function* lastPart(events: AsyncIterable<PartHead | Uint8Array>): Octets {
  for await (const event of events) {
    if (!(event instanceof Uint8Array)) {
      throw badForm(`found ${quoted(event.name)} behind the message, which must come last`);
    }
    yield event;
  }
}

function badForm(found: string): RequestFault {
  return new RequestFault(400, "bad-form", `Cannot read the form: ${found}`);
}

function unsupported(header: string, found: string): RequestFault {
  const allowed = header === "Content-Type"
    ? `message/rfc822, message/global and ${FORM} with a boundary`
    : "none";
  const text = `Cannot take a message with ${header} ${quoted(found)}, allowed: ${allowed}`;
  return new RequestFault(415, "unsupported-media-type", text);
}
