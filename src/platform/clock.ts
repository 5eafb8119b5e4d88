/** The one place that reads the machine's time. */

/** Time as an argument: the system's in production, a set one in tests. */
export interface Clock {
  /** This process's time. */
  now(): Date;
  /**
   * The time that SQL uses instead of the database's own clock; null = the database's own.
   * Statements take it as `coalesce($n::timestamptz, clock_timestamp())`.
   */
  forDatabase(): Date | null;
}

/** The machine's clock; SQL uses the database's. */
export const systemClock: Clock = {
  now: () => new Date(),
  forDatabase: () => null,
};

/** A clock that stands still until it is moved: for tests. */
export class ManualClock implements Clock {
  #now: Date;

  constructor(now: Date) {
    this.#now = now;
  }

  now(): Date {
    return new Date(this.#now);
  }

  forDatabase(): Date {
    return this.now();
  }

  /** Sets the time. */
  set(now: Date): void {
    this.#now = now;
  }

  /** Moves the time on by milliseconds. */
  advance(milliseconds: number): void {
    this.#now = new Date(this.#now.getTime() + milliseconds);
  }
}
