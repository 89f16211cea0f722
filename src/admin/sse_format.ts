/**
 * Server-sent events as octets (HTML Standard §9.2.5).
 *
 * @module
 */

const encoder = new TextEncoder();

/** Headers of an answer that is a stream of events; the last keeps nginx from holding it back. */
export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

/** What a stream begins with: a viewer that loses it comes again after two seconds. */
export const GREETING: Uint8Array = encoder.encode("retry: 2000\n\n");

/** A comment, which keeps a connection alive and tells the viewer nothing. */
export const HEARTBEAT: Uint8Array = encoder.encode(":\n");

/**
 * Encodes one event.
 *
 * @param id What a viewer that comes again says it has seen.
 * @param event Its type.
 * @param data Each of its lines goes on a line of its own; CR and CRLF arrive as LF.
 * @throws {RangeError} If `event` is more than one line, which would be other fields.
 */
export function encodeEvent(id: number, event: string, data: string): Uint8Array {
  if (/[\r\n]/.test(event)) {
    throw new RangeError(
      `Cannot send an event: found type ${JSON.stringify(event)}, allowed is one line`,
    );
  }
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return encoder.encode(`id: ${id}\nevent: ${event}\n${lines.join("")}\n`);
}

/**
 * The id in a `Last-Event-ID` header.
 *
 * @returns `undefined` for none, and for what was never an id of ours.
 */
export function parseLastEventId(header: string | null | undefined): number | undefined {
  return header && /^[0-9]{1,15}$/.test(header) ? Number(header) : undefined;
}
