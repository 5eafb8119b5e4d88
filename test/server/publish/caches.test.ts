/** Decisions, Publish 15: what is decided once holds on every replica within 30 s. Two replicas share a database and nothing else. */
import { expect, it } from 'vitest';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { applyConfiguration } from '../../../src/server/admin/apply-configuration.ts';
import { refreshJwks } from '../../../src/server/jwks/refresh.ts';
import { makePhone } from '../../support/phone.ts';
import { jwkOf, makeKeyPair, startIssuer, trustingSettings } from '../jwks/issuer.ts';
import { makePublisher, refusalOf, type Publisher } from './publisher.ts';

const logger = createLogger({ level: 'silent', pretty: false });
/** The longest that may be set. */
const longest = { authorityCacheSeconds: 30 };
const refused = { kind: 'unauthenticated', code: 'health_authority_verification_certificate_invalid' };

async function apply(publisher: Publisher, document: unknown): Promise<void> {
  const settings = { truncateSeconds: 3600, maxRecords: 500_000, allowShortWindows: false, allowLoopback: false };
  const options = { prune: false, dryRun: false, actor: 'local' };
  await applyConfiguration({ ...publisher, settings, logger }, parseConfiguration(document), options);
}

async function refresh({ database, clock }: Publisher): Promise<void> {
  const settings = { jwks: { ...trustingSettings, keyCleanupSeconds: 86_400 } };
  const deps = { database, clock, logger, metrics: new Metrics(), settings };
  const results = await refreshJwks(deps, { actor: 'local' }, new AbortController().signal);
  expect(results.map(({ error }) => error)).toEqual([null]);
}

it('refuses a revoked key within 30 s on every replica', async () => {
  await using publisher = await makePublisher();
  const replicas = [publisher.replica(longest), publisher.replica(longest)];
  for (const publish of replicas) await publish(publisher.body());
  const key = { version: 'v1', publicKeyPem: publisher.authority.publicKey.export({ type: 'spki', format: 'pem' }) };
  await apply(publisher, {
    healthAuthorities: [
      {
        issuer: 'https://verify.example.org',
        audience: 'enmesh-sample',
        name: 'Example Health',
        keys: [{ ...key, thru: publisher.clock.now().toISOString() }],
      },
    ],
  });
  publisher.clock.advance(30_001);
  for (const publish of replicas) expect(await refusalOf(publish(publisher.body()))).toMatchObject(refused);
});

it('accepts an authority and an app that were added by apply within 30 s on every replica', async () => {
  await using publisher = await makePublisher();
  const pair = makeKeyPair();
  const identity = { issuer: 'https://new.example.org', audience: 'enmesh' };
  const phone = makePhone({ ...identity, kid: 'k1', privateKey: pair.privateKey, appId: 'org.example.new' });
  const replicas = [publisher.replica(longest), publisher.replica(longest)];
  const body = () => phone.publishBody({ now: publisher.clock.now() });
  for (const publish of replicas) {
    expect(await refusalOf(publish(body()))).toMatchObject({ code: 'unknown_health_authority_id' });
  }
  await apply(publisher, {
    healthAuthorities: [{ ...identity, name: 'New', keys: [{ version: 'k1', publicKeyPem: pair.publicKeyPem }] }],
    apps: [{ id: 'org.example.new', regions: ['AA'], healthAuthorities: [identity.issuer] }],
  });
  publisher.clock.advance(30_000);
  for (const publish of replicas) expect(await publish(body())).toMatchObject({ inserted: 3 });
});

it('takes a key from a JWKS and drops it within 30 s of the reading on every replica', async () => {
  await using publisher = await makePublisher();
  const pair = makeKeyPair();
  await using issuer = await startIssuer([jwkOf('k1', pair), jwkOf('k2', makeKeyPair())]);
  const identity = { issuer: 'https://new.example.org', audience: 'enmesh' };
  await apply(publisher, {
    healthAuthorities: [{ ...identity, name: 'New', jwksUri: issuer.url }],
    apps: [{ id: 'org.example.new', regions: ['AA'], healthAuthorities: [identity.issuer] }],
  });
  const phone = makePhone({ ...identity, kid: 'k1', privateKey: pair.privateKey, appId: 'org.example.new' });
  const replicas = [publisher.replica(longest), publisher.replica(longest)];
  const body = () => phone.publishBody({ now: publisher.clock.now() });
  for (const publish of replicas) expect(await refusalOf(publish(body()))).toMatchObject(refused);
  await refresh(publisher);
  publisher.clock.advance(30_001);
  for (const publish of replicas) expect(await publish(body())).toMatchObject({ inserted: 3 });

  issuer.answer([jwkOf('k2', makeKeyPair())]);
  await refresh(publisher);
  publisher.clock.advance(30_001);
  for (const publish of replicas) expect(await refusalOf(publish(body()))).toMatchObject(refused);
});
