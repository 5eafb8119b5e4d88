/** The way to PostgreSQL: pool, transactions, and the one place that turns its errors into ours. */
import pg from 'pg';
import { AppError } from '../domain/errors.ts';

/** What runs one statement: the pool, or a client inside a transaction. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(
    query: pg.QueryConfig | string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

/** Settings of a pool. */
export interface DatabaseSettings {
  readonly url: string;
  /** Connections at most. */
  readonly poolSize: number;
  readonly applicationName: string;
  /** Longest statement in milliseconds. */
  readonly statementTimeoutMs: number;
}

/** A pool of connections. */
export class Database implements Queryable {
  /** Connections at most. */
  readonly poolSize: number;
  readonly #pool: pg.Pool;

  constructor(settings: DatabaseSettings, onIdleError: (error: Error) => void) {
    this.poolSize = settings.poolSize;
    this.#pool = new pg.Pool({
      connectionString: settings.url,
      max: settings.poolSize,
      application_name: settings.applicationName,
      connectionTimeoutMillis: 5_000,
      statement_timeout: settings.statementTimeoutMs,
      idle_in_transaction_session_timeout: settings.statementTimeoutMs,
      keepAlive: true,
    });
    this.#pool.on('error', onIdleError);
  }

  async query<Row extends pg.QueryResultRow>(
    query: pg.QueryConfig | string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>> {
    try {
      return await this.#pool.query<Row>(query as string, values);
    } catch (error) {
      throw databaseError(error);
    }
  }

  /**
   * Runs `work` on one connection that nobody else uses meanwhile. When it leaves a transaction open, because it was
   * aborted or a rollback failed, the connection is closed, so that no other work falls into it.
   */
  async withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw databaseError(error);
    }
    let broken: Error | undefined;
    const onError = (error: Error) => (broken = error);
    client.on('error', onError);
    try {
      return await work(client);
    } catch (error) {
      throw databaseError(error);
    } finally {
      client.off('error', onError);
      client.release(broken ?? client.getTransactionStatus() !== 'I');
    }
  }

  /** Runs `work` in one READ COMMITTED transaction: committed when it resolves, rolled back when it throws. */
  async transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return await this.withClient(async (client) => {
      await client.query('begin');
      try {
        const result = await work(client);
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback').catch(() => undefined);
        throw error;
      }
    });
  }

  /** Waits for running statements, then closes. */
  async stop(): Promise<void> {
    await this.#pool.end();
  }
}

/**
 * SQLSTATE classes that say "try again", not "you are wrong"; 28 and 3D (no such user, no such database) are met by roles
 * that run while the database is replaced or its password changed.
 */
const transient = /^(08|28|3D|53|57|40|55000|55P03|25P03)/;

/** A text with a NUL character, which only a caller can have made up: nothing stored has one. */
const unstorableText = '22021';

/**
 * The one mapping of PostgreSQL's errors: what may pass with time is `unavailable`, a text that no row can hold `invalid`,
 * the rest `internal`.
 * No SQL text, value or host reaches the message.
 */
export function databaseError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error instanceof pg.DatabaseError) {
    if (code === unstorableText) {
      return new AppError('invalid', 'bad_request', 'a text holds a character that is never stored', { cause: error });
    }
    return transient.test(code)
      ? unavailable(error)
      : new AppError('internal', 'internal_error', 'Internal Server Error', { cause: error });
  }
  const isConnection =
    /^E[A-Z]+$/.test(code) || /timeout|Connection terminated|not queryable|Client has encountered/i.test(error.message);
  return isConnection ? unavailable(error) : error;
}

function unavailable(cause: unknown): AppError {
  return new AppError('unavailable', 'unavailable', 'the database does not answer; try again later', { cause });
}
