/**
 * Requests to the API. All addresses are relative to the page's own directory: the admin may be
 * mounted anywhere, and proxies in front of it may say so to nobody.
 *
 * @module
 */

/** Body of every answer that is not 2xx. */
interface ErrorBody {
  readonly error: {
    readonly message: string;
    /** What is wrong in the configuration, one each. */
    readonly mistakes?: readonly string[];
  };
}

/** An answer that is not 2xx. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  constructor(readonly status: number, message: string, readonly mistakes: readonly string[] = []) {
    super(message);
  }

  /** Reads it from an answer, which may be a proxy's and no JSON at all. */
  static async of(response: Response): Promise<ApiFailure> {
    const text = await response.text();
    try {
      const { error } = JSON.parse(text) as ErrorBody;
      return new ApiFailure(response.status, error.message, error.mistakes);
    } catch {
      return new ApiFailure(response.status, `HTTP ${response.status} ${response.statusText}`);
    }
  }
}

/** Where the page is, with a slash at the end whether it was asked for with one or not. */
export function baseOf(location: { origin: string; pathname: string }): URL {
  const { origin, pathname } = location;
  return new URL(pathname.endsWith("/") ? pathname : `${pathname}/`, origin);
}

/** Of the session storage: a token lives as long as its tab. */
const tokenKey = "sluice-token";

/** The API under one base. */
export class Api {
  readonly #base: URL;
  /** A token was missing, wrong, or no longer right. */
  onUnauthorized: () => void = () => {};

  constructor(base: URL) {
    this.#base = base;
  }

  /** Sends this from now on as Authorization. */
  setToken(token: string): void {
    sessionStorage.setItem(tokenKey, token);
  }

  /** Whether there is one. */
  get hasToken(): boolean {
    return sessionStorage.getItem(tokenKey) !== null;
  }

  /** The answer of a path such as `api/stats`, whatever its status. */
  async open(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const token = sessionStorage.getItem(tokenKey);
    if (token !== null) headers.set("authorization", `Bearer ${token}`);
    const response = await fetch(new URL(path, this.#base), {
      ...init,
      headers,
      credentials: "omit",
    });
    if (response.status === 401) this.onUnauthorized();
    return response;
  }

  async #json<Answer>(path: string, init: RequestInit): Promise<Answer> {
    const response = await this.open(path, init);
    if (!response.ok) throw await ApiFailure.of(response);
    return await response.json();
  }

  /** @throws {ApiFailure} If the answer is not 2xx. */
  get<Answer>(path: string, signal: AbortSignal): Promise<Answer> {
    return this.#json(path, { signal });
  }

  /** @throws {ApiFailure} If the answer is not 2xx. */
  send<Answer>(method: "POST" | "DELETE", path: string, body: unknown = {}): Promise<Answer> {
    const headers = { "content-type": "application/json" };
    return this.#json(path, { method, headers, body: JSON.stringify(body) });
  }
}
