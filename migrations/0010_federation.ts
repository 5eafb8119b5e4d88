/** The exchange with partners: how far each direction is, what was pushed to us, and keys that were refused. */
import type { Knex } from 'knex';

/** Creates everything. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(exchanges);
  await knex.raw(pushedBatches);
  await knex.raw(quarantine);
  await knex.raw(identity);
  await knex.raw(exposures);
}

const exchanges = `
-- Partners that call us are found by what their tokens say.
create index partners_identity on partners (identity_issuer, identity_subject);
alter table partners
  -- When it read, and when it pushed, the last time.
  add column read_at timestamptz,
  add column pushed_at timestamptz,
  -- Keys that came from it, whichever way, on the last day that any came (UTC).
  add column quota_day date,
  add column quota_keys bigint not null default 0;

-- One row for each direction that we drive. Position and counts move in the transaction that stores the keys.
create table partner_exchanges (
  partner_id integer not null references partners on delete cascade,
  direction text not null check (direction in ('pull', 'push')),
  -- Where to go on: of a pull what the partner gave us, of a push a position of ours; null = from the beginning.
  cursor bytea,
  -- Of the rule that the cursor belongs to: under another rule it starts over.
  rule_hash bytea,
  caught_up_through timestamptz,
  pending_keys bigint not null default 0,
  keys bigint not null default 0,
  refused_keys bigint not null default 0,
  lease_owner uuid,
  lease_expires timestamptz,
  succeeded_at timestamptz,
  failures integer not null default 0,
  not_before timestamptz,
  error_code text,
  last_error text,
  primary key (partner_id, direction)
);
`;

const pushedBatches = `
-- What a pushed batch was answered, so that it is answered the same way when it comes again.
create table pushed_batches (
  partner_id integer not null references partners on delete cascade,
  id bytea not null check (octet_length(id) between 16 and 64),
  content_hash bytea not null,
  -- One byte a key, numbered as on the wire.
  verdicts bytea not null,
  received_at timestamptz not null,
  primary key (partner_id, id)
);
create index pushed_batches_received_at on pushed_batches (received_at);
`;

const quarantine = `
-- Keys as they were sent, so that they can be judged again.
create table partner_quarantine (
  id bigint generated always as identity primary key,
  partner_id integer not null references partners on delete cascade,
  -- By which rule it is judged again.
  direction text not null check (direction in ('pull', 'push')),
  refused_at timestamptz not null,
  reason text not null,
  event text not null,
  key bytea not null check (octet_length(key) <= 64),
  interval_start integer not null,
  interval_count integer not null,
  transmission_risk integer not null,
  report_type integer not null,
  days_since_onset integer,
  traveler boolean not null,
  regions text[] not null,
  path text[] not null,
  unique (partner_id, key, event)
);
create index partner_quarantine_refused_at on partner_quarantine (refused_at, id);
create index partner_quarantine_reason on partner_quarantine (partner_id, reason);
`;

const identity = `
-- Versions of our own issuer's key.
create table identity_key_versions (
  version text primary key,
  -- The key manager's names of the key, and of the version.
  key text not null,
  manager_version text not null,
  public_key_pem text not null,
  -- It signs from then on; published before.
  valid_from timestamptz not null,
  -- Not published after this.
  valid_thru timestamptz
);
`;

const exposures = `
create index exposures_partner on exposures (partner_id, created_at) where partner_id is not null;
`;
