/** What exact rebuilding of batches needs: numbered padding decisions, planned sizes, revisions of files. */
import type { Knex } from 'knex';

/** Adds columns; nothing is rewritten. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(exports);
}

const exports = `
-- Decisions about padding are made one at a time. A batch shows the padding of its own decision and of those before it,
-- so that padding decided later never changes what the batch holds.
create sequence padding_decisions;
alter table padding_keys
  add column decision bigint not null default 0,
  -- In which of a file's two lists it goes.
  add column revised boolean not null default false;
alter table batches
  add column padding_decision bigint,
  -- What its files hold, padding included; known from the decision on.
  add column keys integer,
  add column revised_keys integer;
-- A window end isn't decided as a whole: an export that is added later decides for itself.
drop table padded_windows;

-- The batch's revision that the file belongs to: only files of the newest one are listed.
alter table files add column revision integer not null default 0;
`;
