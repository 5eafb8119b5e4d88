/** The only error that Enmesh throws on purpose: its kind decides every status, its code is for programs, its message for people. */

/** What went wrong, in the only sense that statuses and log levels depend on. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'precondition'
  | 'exhausted'
  | 'timeout'
  | 'unavailable'
  | 'internal';

/** Optional parts of an {@link AppError}. */
export interface AppErrorOptions {
  /** The private reason: logged, never sent. */
  readonly cause?: unknown;
  /** Further lines for the caller, safe for strangers; a publish's `warnings` travel here. */
  readonly details?: readonly string[];
}

/**
 * An error that crosses process borders intact.
 * `message` and `details` may be read by strangers; `cause` may not.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly kind: ErrorKind;
  readonly code: string;
  readonly details: readonly string[];

  /**
   * @param kind decides the gRPC status, the HTTP status and the log level
   * @param code a stable snake_case word that programs compare
   * @param message safe for strangers: cause and cure, no secret, key, token or address
   */
  constructor(kind: ErrorKind, code: string, message: string, options: AppErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.kind = kind;
    this.code = code;
    this.details = options.details ?? [];
  }

  /** True for faults of the caller: nothing of ours to look into. */
  get isCallersFault(): boolean {
    return this.kind !== 'internal' && this.kind !== 'unavailable' && this.kind !== 'timeout';
  }
}
