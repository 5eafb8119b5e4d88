/**
 * The job library's connections. It would open a pool by itself, but that one drops its error handlers before its
 * connections are closed, and a connection that breaks then ends the process.
 */
import pg from 'pg';
import type { Logger } from '../logger.ts';

/** Opens at most `size` connections to a database that has sessions. */
export function openPool(databaseUrl: string, size: number, logger?: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: size,
    application_name: 'enmesh jobs',
    connectionTimeoutMillis: 15_000,
    keepAlive: true,
  });
  const onError = (error: Error) => logger?.debug({ err: error }, 'a connection of the job queue broke');
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  return pool;
}
