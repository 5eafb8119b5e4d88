/** Phones that publish all the time, and what became of each request. */
import { post, type Installed } from './installed.ts';

/** One request. */
export interface Outcome {
  /** `performance.now()` when it began. */
  readonly begunAt: number;
  /** The answer's status, or the code of the error that came instead. */
  readonly result: number | string;
}

/** Begins a publish every few milliseconds until it is stopped. */
export class Load {
  readonly #outcomes: Promise<Outcome>[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(gatewayUrl: string, { phone }: Installed, everyMs = 10) {
    this.#timer = setInterval(() => {
      this.#outcomes.push(publish(gatewayUrl, phone.publishBody({ now: new Date() })));
    }, everyMs);
  }

  /** Requests begun so far. */
  get begun(): number {
    return this.#outcomes.length;
  }

  /** Begins no more, and waits for what was begun. */
  async stop(): Promise<readonly Outcome[]> {
    clearInterval(this.#timer);
    return await Promise.all(this.#outcomes);
  }
}

async function publish(gatewayUrl: string, body: object): Promise<Outcome> {
  const begunAt = performance.now();
  try {
    return { begunAt, result: (await post(gatewayUrl, body)).status };
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(error);
    return { begunAt, result: code };
  }
}
