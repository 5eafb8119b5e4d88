/** The first schema: configuration, keys, windows, exports, and the state of jobs on them. */
import type { Knex } from 'knex';

/** Creates everything. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(configuration);
  await knex.raw(windows);
  await knex.raw(firstWindow);
  await knex.raw(exposures);
  await knex.raw(exports);
  await knex.raw(federation);
}

const configuration = `
create table health_authorities (
  id integer generated always as identity primary key,
  issuer text not null unique,
  audience text not null,
  name text not null,
  stats boolean not null,
  jwks_uri text,
  held_at timestamptz
);

create table health_authority_keys (
  health_authority_id integer not null references health_authorities on delete cascade,
  version text not null,
  public_key_pem text not null,
  valid_from timestamptz not null,
  valid_thru timestamptz,
  from_jwks boolean not null,
  primary key (health_authority_id, version)
);

create table apps (
  id integer generated always as identity primary key,
  app_id text not null unique check (app_id = lower(app_id)),
  regions text[] not null,
  bypass_certificate boolean not null,
  bypass_revision_token boolean not null,
  attestation text not null check (attestation in ('off', 'observe', 'require')),
  android jsonb,
  ios jsonb,
  held_at timestamptz
);

create table app_health_authorities (
  app_id integer not null references apps on delete cascade,
  health_authority_id integer not null references health_authorities on delete cascade,
  primary key (app_id, health_authority_id)
);

-- Who changed what, for every change of the configuration and of its state.
create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  subject text not null,
  change jsonb not null
);
`;

const windows = `
-- One row. Everything before closed_through is closed: no transaction will ever write a key there again.
create table window_state (
  only_row boolean primary key default true check (only_row),
  truncate_seconds integer not null check (truncate_seconds > 0),
  closed_through timestamptz not null
);

-- Start of the window of w seconds that t lies in, counted from 0001-01-01 as deployed servers count.
create function window_start(t timestamptz, w integer) returns timestamptz
language sql immutable strict parallel safe as $$
  select to_timestamp(floor((extract(epoch from t) + 62135596800) / w) * w - 62135596800)
$$;

-- Advisory lock of the window that starts at t; the high bits keep it apart from other advisory locks.
create function window_lock_key(t timestamptz) returns bigint
language sql immutable strict parallel safe as $$
  select (7::bigint << 48) + (extract(epoch from t)::bigint & 281474976710655)
$$;

-- Takes the caller's transaction into the current window and returns the window's start, which is what created_at
-- and revised_at must be. The shared lock is held until the transaction ends, so the window cannot close before.
-- p_now replaces the database's clock in tests.
create function enter_window(p_now timestamptz default null) returns timestamptz
language plpgsql volatile as $$
declare
  state window_state;
  start_of_window timestamptz;
begin
  loop
    select * into strict state from window_state;
    -- A clock that went back, or a larger window than before, must not reopen what is closed.
    start_of_window := greatest(
      window_start(coalesce(p_now, clock_timestamp()), state.truncate_seconds), state.closed_through);
    perform pg_advisory_xact_lock_shared(window_lock_key(window_start(start_of_window, state.truncate_seconds)));
    -- Read again under the lock: had the window been closed while we waited, the next one is taken.
    select * into strict state from window_state;
    if state.closed_through <= start_of_window then
      return start_of_window;
    end if;
  end loop;
end
$$;

-- Closes every window that has ended, at most p_limit in one transaction, and returns how far everything is closed.
create function close_windows(p_now timestamptz default null, p_limit integer default 500) returns timestamptz
language plpgsql volatile as $$
declare
  state window_state;
  target timestamptz;
begin
  select * into strict state from window_state for update;
  target := window_start(coalesce(p_now, clock_timestamp()), state.truncate_seconds);
  target := least(target, window_start(state.closed_through, state.truncate_seconds) + p_limit * make_interval(secs => state.truncate_seconds));
  if target <= state.closed_through then
    return state.closed_through;
  end if;
  -- Waits for every transaction that entered one of these windows.
  perform pg_advisory_xact_lock(window_lock_key(t))
     from generate_series(window_start(state.closed_through, state.truncate_seconds),
                          target - make_interval(secs => state.truncate_seconds),
                          make_interval(secs => state.truncate_seconds)) as t;
  update window_state set closed_through = target;
  return target;
end
$$;
`;

const firstWindow = `
insert into window_state (truncate_seconds, closed_through) values (3600, window_start(clock_timestamp(), 3600));
`;

const exposures = `
-- One row a key, with all that an export or a partner needs. Report types are numbered as in export files:
-- 0 none, 1 confirmed, 2 likely, 3 user-report, 5 negative. The revised_* columns hold the one revision a key may have;
-- the primary columns never change, so a closed window reads the same for ever.
create table exposures (
  key bytea primary key check (octet_length(key) = 16),
  created_at timestamptz not null,
  revised_at timestamptz,
  interval_start integer not null,
  app_id integer,
  health_authority_id integer,
  partner_id integer,
  import_id integer,
  interval_count smallint not null,
  transmission_risk smallint not null,
  report_type smallint not null,
  days_since_onset smallint,
  revised_report_type smallint,
  revised_transmission_risk smallint,
  revised_days_since_onset smallint,
  traveler boolean not null,
  revised_traveler boolean,
  regions text[] not null,
  revised_regions text[],
  -- The authorities that a key came through, nearest last; null = published here.
  provenance text[]
);
create index exposures_created_at_key on exposures (created_at, key);
create index exposures_revised_at_key on exposures (revised_at, key) where revised_at is not null;

-- What a publish was answered, so that a repeated request is answered the same way. Keyed hashes only.
create table receipts (
  certificate_hash bytea primary key,
  content_hash bytea not null,
  inserted integer not null,
  -- One byte a key, in the order of the certificate's HMAC: 1 = listed in the answer's token.
  tokens bytea,
  -- The 10-minute interval in which the answer was given: what the answer said of each key depends on it.
  answered_interval integer not null,
  expires_at timestamptz not null
);
create index receipts_expires_at on receipts (expires_at);

-- Data keys of revision tokens, wrapped by the key manager.
create table revision_keys (
  kid bigint generated always as identity primary key,
  wrapped_key bytea,
  aad bytea,
  created_at timestamptz not null,
  allowed boolean not null default true
);
`;

const exports = `
create table signing_keys (
  id integer generated always as identity primary key,
  name text not null unique,
  key text not null,
  key_id text not null,
  first_version text not null,
  thru timestamptz
);

create table signing_key_versions (
  signing_key_id integer not null references signing_keys on delete cascade,
  key_version text not null,
  -- The key manager's name of it.
  manager_version text not null,
  public_key_pem text not null,
  valid_from timestamptz not null,
  valid_thru timestamptz,
  primary key (signing_key_id, key_version)
);

create table exports (
  id integer generated always as identity primary key,
  name text not null unique,
  bucket text not null,
  filename_root text not null,
  output_region text not null,
  input_regions text[] not null,
  exclude_regions text[] not null,
  include_travelers boolean not null,
  only_non_travelers boolean not null,
  period_seconds integer not null check (period_seconds > 0),
  valid_from timestamptz,
  valid_thru timestamptz,
  max_records integer,
  shift_seconds integer,
  grace_seconds integer not null,
  held_at timestamptz,
  -- Counts up whenever the set of listed files changes; the index is current when both are equal. A new export gets an empty one.
  index_wanted bigint not null default 1,
  index_written bigint not null default 0
);
create unique index exports_filename_root on exports (lower(filename_root));

create table export_signing_keys (
  export_id integer not null references exports on delete cascade,
  signing_key_id integer not null references signing_keys,
  primary key (export_id, signing_key_id)
);

-- One window of one export, with the configuration as it was when planned.
create table batches (
  id bigint generated always as identity primary key,
  export_id integer not null references exports on delete cascade,
  window_start timestamptz not null,
  window_end timestamptz not null check (window_end > window_start),
  status text not null default 'open' check (status in ('open', 'pending', 'complete', 'deleted')),
  lease_owner uuid,
  lease_expires timestamptz,
  attempts integer not null default 0,
  last_error text,
  not_before timestamptz,
  -- Added to both times in file names when a batch is built again.
  revision integer not null default 0,
  -- Boundaries, signers and padding are decided: what the files hold is fixed.
  prepared_at timestamptz,
  completed_at timestamptz,
  padding_decision bigint,
  -- What its files hold, padding included; known from the decision on.
  keys integer,
  revised_keys integer,
  bucket text not null,
  filename_root text not null,
  output_region text not null,
  input_regions text[] not null,
  exclude_regions text[] not null,
  include_travelers boolean not null,
  only_non_travelers boolean not null,
  max_records integer not null,
  unique (export_id, window_start, window_end)
);
create index batches_due on batches (window_end) where status in ('open', 'pending');

create table files (
  id bigint generated always as identity primary key,
  batch_id bigint not null references batches on delete cascade,
  export_id integer not null references exports on delete cascade,
  number integer not null,
  -- The batch's revision that it belongs to: only files of the newest one are listed.
  revision integer not null default 0,
  bucket text not null,
  name text not null,
  status text not null check (status in ('planned', 'uploaded', 'listed', 'unlisted', 'deleted')),
  start_timestamp timestamptz not null,
  end_timestamp timestamptz not null,
  -- Keys after, up to and with; null = open end. Primary keys come before revised ones.
  after_key bytea,
  through_key bytea,
  after_revised_key bytea,
  through_revised_key bytea,
  has_keys boolean not null,
  has_revised_keys boolean not null,
  signers jsonb not null,
  keys integer,
  revised_keys integer,
  size bigint,
  sha256 bytea,
  unlisted_at timestamptz,
  unique (bucket, name)
);
create index files_export on files (export_id, status);
create index files_batch on files (batch_id);

-- Keys that hide how few real ones a window has. Complete, in a table of their own: they cannot federate nor count as real.
-- Decisions are made one at a time: a batch shows the padding of its own decision and of those before it, so that padding
-- decided later never changes what the batch holds.
create sequence padding_decisions;
create table padding_keys (
  key bytea primary key check (octet_length(key) = 16),
  created_at timestamptz not null,
  interval_start integer not null,
  interval_count smallint not null,
  transmission_risk smallint not null,
  report_type smallint not null,
  days_since_onset smallint,
  traveler boolean not null,
  regions text[] not null,
  decision bigint not null default 0,
  -- In which of a file's two lists it goes.
  revised boolean not null default false
);
create index padding_keys_created_at_key on padding_keys (created_at, key);
`;

const federation = `
create table partners (
  id integer generated always as identity primary key,
  name text not null unique,
  address text not null,
  identity_issuer text not null,
  identity_subject text not null,
  identity_audience text not null,
  our_audience text not null,
  require_server_identity boolean not null,
  serve jsonb,
  pull jsonb,
  accept jsonb,
  push jsonb,
  paused_at timestamptz
);

create table mirrors (
  id integer generated always as identity primary key,
  name text not null unique,
  index_url text not null,
  base_url text not null,
  bucket text not null,
  filename_root text not null
);

create table imports (
  id integer generated always as identity primary key,
  name text not null unique,
  index_url text not null,
  base_url text not null,
  region text not null,
  traveler boolean not null
);

create table import_public_keys (
  import_id integer not null references imports on delete cascade,
  key_id text not null,
  key_version text not null,
  public_key_pem text not null,
  valid_from timestamptz not null,
  valid_thru timestamptz,
  primary key (import_id, key_id, key_version)
);
`;
