/** Variables of the database and its connections. */
import * as read from '../readers.ts';
import { optional, variable } from './declare.ts';

export const database = {
  ENMESH_DATABASE_URL: optional(
    read.databaseUrl,
    'PostgreSQL to use. `enmesh dev` starts its own under the data directory when this is not set.',
  ),
  ENMESH_DATABASE_DIRECT_URL: optional(
    read.databaseUrl,
    'For LISTEN, jobs and migrations, when the other is a transaction-mode pooler; the same otherwise.',
  ),
  ENMESH_MIGRATE_AT_START: variable(
    read.bool,
    'Bring the schema up to date at start, one process at a time; when false, `enmesh migrate` does it, and roles refuse to start on an old schema.',
    'true',
  ),
  ENMESH_DATABASE_POOL_SIZE: variable(
    read.integer(1, 1000),
    'Connections of requests and exports at most, per process; at least 2 × ENMESH_EXPORT_CONCURRENCY + 2 in the export role. Jobs use further connections of their own in each process of the server, export and federation roles: at most 2 × ENMESH_EXPORT_CONCURRENCY + 4 × ENMESH_FEDERATION_CONCURRENCY + 12.',
    '10',
  ),
  ENMESH_DATABASE_STATEMENT_TIMEOUT: variable(
    read.positiveDuration,
    'Longest statement, and longest idle transaction, of a request.',
    '30s',
  ),
} as const;
