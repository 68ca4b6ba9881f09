// What went wrong with a call, in the server's own terms.

export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** 0 when no answer came at all. */
    readonly status: number,
    readonly retryAfterSeconds?: number,
    /** What else is known, by the server's names. */
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }

  /** Which field of the request it is about. */
  get field(): string | undefined {
    return typeof this.details.field === "string" ? this.details.field : undefined;
  }

  static unreachable(cause: unknown): ApiError {
    if (cause instanceof ApiError) return cause;
    const error = new ApiError("unreachable", String(cause), 0);
    error.cause = cause;
    return error;
  }
}

export function errorOf(response: Response, body: unknown): ApiError {
  const told = (body as { error?: { code?: unknown; message?: unknown; details?: Record<string, unknown> } } | undefined)?.error;
  const wait = Number(response.headers.get("retry-after")) || undefined;
  const code = typeof told?.code === "string" ? told.code : response.ok ? "internal" : codeOf(response.status);
  const message = typeof told?.message === "string" ? told.message : "";
  return new ApiError(code, message, response.status, wait, told?.details);
}

/** For answers that are not ours, e.g. of a proxy in between. */
function codeOf(status: number): string {
  if (status === 401) return "unauthenticated";
  if (status === 403) return "forbidden";
  if (status === 404) return "not_found";
  if (status === 429) return "rate_limited";
  if (status === 502 || status === 503 || status === 504) return "overloaded";
  return "internal";
}
