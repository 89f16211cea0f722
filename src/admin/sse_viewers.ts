/**
 * Those who watch, and what is done about one who does not read.
 *
 * @module
 */

/** Viewers at the same time. */
const MOST_VIEWERS = 500;

/** Octets that may wait for one viewer. */
const MOST_QUEUED = 65_536;

/** Milliseconds for which something may wait without anything being taken. */
const STALL_TIMEOUT = 30_000;

/** What the stream of a viewer that does not read ends with. */
export class StalledError extends Error {
  /** Tells it apart in logs. */
  override readonly name = "StalledError";
  /**
   * Says how much was in vain.
   *
   * @param queued Octets that had not been taken.
   */
  constructor(readonly queued: number) {
    super(`Cannot send events: found ${queued} octets that the viewer does not take`);
  }
}

/** How a viewer has come to its end. */
type Departure = "dropped" | "gone";

/** One stream of octets that somebody may read, or may not. */
export class Viewer {
  /** What it reads. */
  readonly stream: ReadableStream<Uint8Array>;
  /** Id up to which it has been told. */
  position: number | undefined;
  readonly #most: number;
  readonly #departed: (how: Departure) => void;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #ending = false;
  #sent = 0;
  #sentAt: number;
  #taken = 0;
  #takenAt: number;

  /**
   * Makes a stream with an empty queue.
   *
   * @param now Milliseconds of a clock that never goes back.
   * @param most Octets that may wait.
   * @param departed Told once, of the end.
   */
  constructor(now: number, most: number, departed: (how: Departure) => void) {
    this.#most = most;
    this.#departed = departed;
    this.#sentAt = this.#takenAt = now;
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#endIfRead(),
      cancel: () => departed("gone"),
    }, new ByteLengthQueuingStrategy({ highWaterMark: most }));
  }

  /** Octets that wait to be taken. */
  get queued(): number {
    return this.#most - this.#controller.desiredSize!;
  }

  /** Whether it has been sent the last that it will be. */
  get ending(): boolean {
    return this.#ending;
  }

  /** When it was last sent something, on the clock of `now`. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** Queues octets; they are not copied. */
  send(octets: Uint8Array, now: number): void {
    this.#sent += octets.length;
    this.#sentAt = now;
    this.#controller.enqueue(octets);
  }

  /**
   * Ends the stream behind what waits. Until that has been taken the viewer is still there, and
   * may still be dropped: an end that nobody reads must not hold a queue for ever.
   */
  end(): void {
    this.#ending = true;
    this.#endIfRead();
  }

  /**
   * Drops the viewer if too much waits for it, or has waited for too long.
   *
   * The stream ends with an error, which forgets the queue; an end in order would keep it until it
   * is read, and would let the viewer believe that it had missed nothing.
   */
  dropIfStalled(now: number): boolean {
    const queued = this.queued;
    const taken = this.#sent - queued;
    if (queued === 0 || taken > this.#taken) {
      this.#taken = taken;
      this.#takenAt = now;
    }
    if (queued <= this.#most && now - this.#takenAt < STALL_TIMEOUT) return false;
    this.#controller.error(new StalledError(queued));
    this.#departed("dropped");
    return true;
  }

  /** Ends the stream with an error that is not the viewer's. */
  fail(error: unknown): void {
    this.#controller.error(error);
    this.#departed("gone");
  }

  #endIfRead(): void {
    if (!this.#ending || this.queued > 0) return;
    this.#controller.close();
    this.#departed("gone");
  }
}

/** How many may watch, and how much may wait for each. */
export interface ViewersOptions {
  /** Viewers at the same time. Default 500. */
  readonly most?: number;
  /**
   * Octets that may wait for one viewer before it is dropped. What is sent at once may be more, so
   * that the most that ever waits is this and one batch. Default 65,536.
   */
  readonly queue?: number;
}

/** All viewers of an admin, whatever they watch. */
export class Viewers {
  readonly #most: number;
  readonly #queue: number;
  readonly #open = new Set<Viewer>();
  #dropped = 0;
  #closed = false;

  /**
   * Makes room.
   *
   * @param options How much of it.
   */
  constructor(options: ViewersOptions = {}) {
    this.#most = options.most ?? MOST_VIEWERS;
    this.#queue = options.queue ?? MOST_QUEUED;
  }

  /** How many there are. */
  get open(): number {
    return this.#open.size;
  }

  /** How many were dropped because they did not read. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Octets that wait to be taken, of all. */
  get queued(): number {
    let queued = 0;
    for (const viewer of this.#open) queued += viewer.queued;
    return queued;
  }

  /**
   * Lets one in.
   *
   * @param now Milliseconds of a clock that never goes back.
   * @param departed Told once, of its end.
   * @returns `undefined` where there are too many already, and after `close`.
   */
  admit(now: number, departed: (viewer: Viewer) => void): Viewer | undefined {
    if (this.#closed || this.#open.size >= this.#most) return undefined;
    const viewer = new Viewer(now, this.#queue, (how) => {
      this.#open.delete(viewer);
      if (how === "dropped") this.#dropped++;
      departed(viewer);
    });
    this.#open.add(viewer);
    return viewer;
  }

  /**
   * Ends every stream and lets nobody in any more. One for whom something waits loses it: an end
   * behind it would leave a connection open until it is read.
   */
  close(): void {
    this.#closed = true;
    for (const viewer of this.#open) {
      if (viewer.queued === 0) viewer.end();
      else viewer.fail(new Error("Cannot send events: the admin is closed"));
    }
  }
}
