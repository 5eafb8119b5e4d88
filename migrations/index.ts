/** All migrations in order. Forward only; names never change once released (knex stores them). */
import type { Knex } from 'knex';
import * as schema from './0001_schema.ts';
import * as publish from './0002_publish.ts';
import * as statistics from './0003_statistics.ts';
import * as jwks from './0004_jwks.ts';
import * as publishMany from './0005_publish_many.ts';
import * as planning from './0006_planning.ts';
import * as mirrors from './0007_mirrors.ts';
import * as imports from './0008_imports.ts';
import * as adoption from './0009_adoption.ts';
import * as federation from './0010_federation.ts';
import * as withdrawal from './0011_withdrawal.ts';
import * as takeKeys from './0012_take_keys.ts';
import * as withdrawalCopies from './0013_withdrawal_copies.ts';
import * as formerNames from './0014_former_names.ts';
import * as addedExports from './0015_added_exports.ts';
import * as generatedRevisions from './0016_generated_revisions.ts';

/** One step of the schema. */
export interface Migration {
  readonly name: string;
  up(knex: Knex): Promise<void>;
}

/** In order of application. */
export const migrations: readonly Migration[] = [
  { name: '0001_schema', up: schema.up },
  { name: '0002_publish', up: publish.up },
  { name: '0003_statistics', up: statistics.up },
  { name: '0004_jwks', up: jwks.up },
  { name: '0005_publish_many', up: publishMany.up },
  { name: '0006_planning', up: planning.up },
  { name: '0007_mirrors', up: mirrors.up },
  { name: '0008_imports', up: imports.up },
  { name: '0009_adoption', up: adoption.up },
  { name: '0010_federation', up: federation.up },
  { name: '0011_withdrawal', up: withdrawal.up },
  { name: '0012_take_keys', up: takeKeys.up },
  { name: '0013_withdrawal_copies', up: withdrawalCopies.up },
  { name: '0014_former_names', up: formerNames.up },
  { name: '0015_added_exports', up: addedExports.up },
  { name: '0016_generated_revisions', up: generatedRevisions.up },
];
