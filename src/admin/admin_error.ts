/**
 * What an admin's client is told where it gets no answer that it could use.
 *
 * @module
 */

/** A request that the admin has refused, or that no admin has answered. */
export class AdminError extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "AdminError";

  /**
   * Puts together what is known.
   *
   * @param status Of the answer; 0 where there was none.
   * @param code For programs, as in the answer: `not-found`, `forbidden-role`. Without one:
   * `unreachable` where there was no answer, `no-admin` for an answer of something else.
   * @param message For people: what was attempted, found and allowed.
   * @param mistakes Of a configuration, one line each.
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly mistakes: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Reads a refusal, which may be a proxy's and no JSON at all. Takes the whole body. */
export async function refusalOf(response: Response): Promise<AdminError> {
  let body: { error?: { code?: unknown; message?: unknown; mistakes?: readonly string[] } } | null;
  try {
    body = await response.json();
  } catch (cause) {
    return foreignAnswer(response, cause);
  }
  const { code, message, mistakes } = body?.error ?? {};
  return typeof code === "string" && typeof message === "string"
    ? new AdminError(response.status, code, message, mistakes)
    : foreignAnswer(response);
}

/** For an answer that no admin gives. */
export function foreignAnswer({ status, headers, url }: Response, cause?: unknown): AdminError {
  const found = `status ${status} and type ${headers.get("content-type") ?? "none"}`;
  return new AdminError(
    status,
    "no-admin",
    `Cannot use the answer of ${url || "the admin"}: found ${found}, allowed is an admin's`,
    [],
    { cause },
  );
}
