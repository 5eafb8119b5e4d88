/** All migrations in order. Forward only; names never change once released (knex stores them). */
import type { Knex } from 'knex';
import * as schema from './0001_schema.ts';
import * as publish from './0002_publish.ts';

/** One step of the schema. */
export interface Migration {
  readonly name: string;
  up(knex: Knex): Promise<void>;
}

/** In order of application. */
export const migrations: readonly Migration[] = [
  { name: '0001_schema', up: schema.up },
  { name: '0002_publish', up: publish.up },
];
