// The client-service's endpoints.

/** Milliseconds until a request for data fails. */
const TIMEOUT = 4000;

/** An answer other than 2xx. `status` is 0 if there was no answer. */
export class ApiError extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** Sends requests. The admin token is kept here only. */
export class Api {
  constructor() {
    this.token = "";
    /** Called with the Date header of each answer. */
    this.onDate = () => {};
  }

  get(path, signal = AbortSignal.timeout(TIMEOUT)) {
    return this.fetch(path, { signal });
  }

  /** Sends a request that changes something, with the admin token if there is one. */
  change(method, path, body, signal) {
    const headers = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return this.fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  }

  /** Returns the body of a 2xx answer. Throws an ApiError for any other answer, and if the body is not JSON. */
  async fetch(path, init) {
    const { response, body } = await this.answer(path, init);
    if (response.ok && body !== null) return body;
    const reason = body?.message ?? (response.ok ? "the answer is not JSON" : response.statusText);
    throw new ApiError(response.status, reason, body);
  }

  /** Returns the answer whatever its status is; `body` is null if it is not JSON. Throws an ApiError if there is no
   *  complete answer. */
  async answer(path, init = {}) {
    try {
      const response = await fetch(path, { cache: "no-store", ...init });
      this.onDate(response.headers.get("date"));
      return { response, body: parse(await response.text()) };
    } catch (error) {
      if (init.signal?.aborted && error.name === "AbortError") throw error;
      throw new ApiError(0, error.name === "TimeoutError" ? "no answer in time" : "the server cannot be reached");
    }
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
