/** An authority with a database, an issuer's key and a server of its own, whose partner is played by a test's issuer. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from 'nice-grpc';
import type { Partner } from '../../../src/domain/configuration/configuration.ts';
import { openAuth, type Auth } from '../../../src/federation/auth/open.ts';
import type { AuthSettings } from '../../../src/federation/auth/settings.ts';
import { ensureIdentityKey, type IdentityDeps } from '../../../src/federation/identity/ensure.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { FilesystemKeyManager } from '../../../src/platform/key-manager/filesystem.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { savePartner } from '../../../src/storage/configuration/partners.ts';
import type { Database } from '../../../src/storage/database.ts';
import { findPartner, type KnownPartner } from '../../../src/storage/partners/partners.ts';
import { createTestDatabase } from '../../support/postgres.ts';

/** Whom our tokens are for, as the partner named in {@link partnerOf} knows itself. */
export const theirAudience = 'https://bb.example/federation';
/** Whom its tokens must be for. */
export const ourAudience = 'https://aa.example/federation';

/** A partner whose tokens are of that issuer. */
export function partnerOf(issuer: string, change: Partial<Partner> = {}): Partner {
  return {
    name: 'bb',
    address: '127.0.0.1:1',
    identity: { issuer, subject: 'federation', audience: ourAudience },
    ourAudience: theirAudience,
    requireServerIdentity: true,
    serve: { regions: ['AA'], excludeRegions: [], onlyLocal: true, onlyTravelers: false, omitOnset: false },
    pull: null,
    accept: null,
    push: null,
    ...change,
  };
}

/** What a test works with. */
export interface TestAuthority extends AsyncDisposable {
  readonly database: Database;
  readonly clock: ManualClock;
  readonly auth: Auth;
  readonly identity: IdentityDeps;
  /** Configures it. */
  addPartner(partner: Partner): Promise<KnownPartner>;
  /** As another process of the same authority. */
  replica(): Promise<Auth>;
}

/** Sets it up; use it with `await using`. */
export async function startAuthority(change: Partial<AuthSettings> = {}): Promise<TestAuthority> {
  const { database, ...test } = await createTestDatabase();
  const dir = await mkdtemp(join(tmpdir(), 'enmesh-authority-'));
  // Windows and tokens of the real present: nothing here depends on which.
  const clock = new ManualClock(new Date());
  const keyManager = new FilesystemKeyManager(dir);
  const stopping = new AbortController();
  const settings: AuthSettings = { ...testSettings('https://id.aa.example'), ...change };
  const identity = { database, clock, keyManager, logger: silent, identity: settings.identity };
  await ensureIdentityKey(identity, { createMissing: true });
  const replica = () => openAuth({ database, clock, keyManager, settings, signal: stopping.signal });
  return {
    database,
    clock,
    identity,
    replica,
    auth: await replica(),
    addPartner: async (partner) => {
      await savePartner(database, partner);
      return (await findPartner(database, partner.name))!;
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort(new Error('the test is over'));
      await test[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    },
  };
}

/** Of an authority whose tokens name this issuer. */
export function testSettings(issuer: string): AuthSettings {
  return {
    identity: { source: 'own', issuer, subject: 'federation', key: 'identity', credentialsFile: undefined },
    issuers: {
      places: { ca: undefined, allowPrivateAddresses: false, allowLoopback: true },
      timeoutMs: 5_000,
    },
    channels: { tls: {}, allowLoopback: true },
  };
}

/** A call's metadata with this token. */
export function withToken(token: string): Metadata {
  return Metadata({ authorization: `Bearer ${token}` });
}

/** Swallows everything. */
export const silent = createLogger({ level: 'silent', pretty: false });
