/** Holds: who is stopped, what they meet, and that it goes on afterwards. */
import { describe, expect, it } from 'vitest';
import { HoldSubject } from '../../../src/gen/enmesh/operations/v1/operations.ts';
import { setHold, type HoldRequest } from '../../../src/server/operations/hold.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { listHolds } from '../../../src/storage/holds.ts';
import { insertAuthority } from '../../support/authority.ts';
import { insertExport } from '../../support/cleanup.ts';
import { auditRows, startOperations, type OperationsFixture } from '../../support/operations.ts';
import { makePublisher, refusalOf, type Publisher } from '../publish/publisher.ts';

const issuer = 'https://verify.example.org';

/** An app, an authority and an export, as each test of names wants them. */
async function startWithSample(): Promise<OperationsFixture> {
  const operations = await startOperations();
  await insertAuthority(operations.deps.database);
  await insertExport(operations.deps.database);
  return operations;
}

async function hold(
  publisher: Publisher,
  subject: HoldRequest['subject'],
  name: string,
  release = false,
): Promise<void> {
  const jobQueue = { enqueue: () => Promise.resolve() };
  const logger = createLogger({ level: 'silent', pretty: false });
  await setHold({ ...publisher, jobQueue, logger }, { subject, name, release, actor: 'local' });
}

describe('a hold', () => {
  it.each([
    [HoldSubject.APP, 'org.example.health', 'apps/org.example.health'],
    [HoldSubject.HEALTH_AUTHORITY, issuer, `healthAuthorities/${issuer}`],
    [HoldSubject.EXPORT, 'aa', 'exports/aa'],
  ])('of kind %i on %s is set and released once each, with an audit row', async (subject, name, audited) => {
    await using operations = await startWithSample();
    const { client, deps } = operations;
    expect(await client.setHold({ subject, name })).toEqual({ changed: true });
    expect(await client.setHold({ subject, name })).toEqual({ changed: false });
    expect(await client.listHolds({})).toEqual({ holds: [{ subject, name, since: deps.clock.now() }] });
    expect(await client.setHold({ subject, name, release: true })).toEqual({ changed: true });
    expect(await client.setHold({ subject, name, release: true })).toEqual({ changed: false });
    expect(await client.listHolds({})).toEqual({ holds: [] });
    expect(await auditRows(deps)).toEqual([
      { actor: 'local', action: 'hold', subject: audited, change: {} },
      { actor: 'local', action: 'release', subject: audited, change: {} },
    ]);
  });

  it('finds an app whatever the case of its id', async () => {
    await using operations = await startWithSample();
    const request = { subject: HoldSubject.APP, name: 'ORG.Example.Health' };
    expect(await operations.client.setHold(request)).toEqual({ changed: true });
  });

  it.each([
    [HoldSubject.APP, 'app_not_found', 'there are org.example.health'],
    [HoldSubject.HEALTH_AUTHORITY, 'health_authority_not_found', `there are ${issuer}`],
    [HoldSubject.EXPORT, 'export_not_found', 'there are aa'],
  ])('of kind %i on an unknown name is refused with the names there are', async (subject, code, detail) => {
    await using operations = await startWithSample();
    for (const name of ['', 'nobody', 'a\0']) {
      const refusal = await refusalOf(operations.client.setHold({ subject, name }));
      expect(refusal).toMatchObject({ kind: 'not_found', code, details: [detail] });
    }
    expect(await auditRows(operations.deps)).toEqual([]);
  });

  it('is on one of three kinds of things', async () => {
    await using operations = await startWithSample();
    expect(await refusalOf(operations.client.setHold({ name: 'aa' }))).toMatchObject({
      kind: 'invalid',
      code: 'bad_hold_subject',
    });
  });

  it('wants the index of its export written again, and has the export role do it at once', async () => {
    await using operations = await startWithSample();
    const { client, deps } = operations;
    for (const release of [false, true]) await client.setHold({ subject: HoldSubject.EXPORT, name: 'aa', release });
    const { rows } = await deps.database.query('select index_wanted, index_written, held_at from exports');
    expect(rows).toEqual([{ index_wanted: '3', index_written: '1', held_at: null }]);
    expect((await client.listJobs({})).jobs).toMatchObject([{ task: 'export.tick' }]);
  });
});

describe('on hold', () => {
  it('an app publishes nothing on any replica within 30 s, and goes on when it is released', async () => {
    await using publisher = await makePublisher();
    const replicas = [
      publisher.replica({ authorityCacheSeconds: 30 }),
      publisher.replica({ authorityCacheSeconds: 30 }),
    ];
    for (const publish of replicas) await publish(publisher.body());
    await hold(publisher, 'apps', 'org.example.health');
    publisher.clock.advance(30_001);
    for (const publish of replicas) {
      expect(await refusalOf(publish(publisher.body()))).toMatchObject({ kind: 'forbidden', code: 'on_hold' });
    }
    await hold(publisher, 'apps', 'org.example.health', true);
    publisher.clock.advance(30_001);
    for (const publish of replicas) expect(await publish(publisher.body())).toMatchObject({ inserted: 3 });
  });

  it('an authority vouches for nothing on any replica within 30 s, and goes on when it is released', async () => {
    await using publisher = await makePublisher();
    const replicas = [
      publisher.replica({ authorityCacheSeconds: 30 }),
      publisher.replica({ authorityCacheSeconds: 30 }),
    ];
    for (const publish of replicas) await publish(publisher.body());
    await hold(publisher, 'healthAuthorities', issuer);
    publisher.clock.advance(30_001);
    for (const publish of replicas) {
      expect(await refusalOf(publish(publisher.body()))).toMatchObject({ kind: 'forbidden', code: 'on_hold' });
    }
    await hold(publisher, 'healthAuthorities', issuer, true);
    publisher.clock.advance(30_001);
    for (const publish of replicas) expect(await publish(publisher.body())).toMatchObject({ inserted: 3 });
  });

  it('an authority is refused for apps that need no certificate too', async () => {
    await using publisher = await makePublisher({ bypassCertificate: true });
    await hold(publisher, 'healthAuthorities', issuer);
    expect(await refusalOf(publisher.publish(publisher.body()))).toMatchObject({ code: 'on_hold' });
  });

  it('everything is listed by kind and name', async () => {
    await using publisher = await makePublisher();
    await hold(publisher, 'healthAuthorities', issuer);
    await hold(publisher, 'apps', 'org.example.health');
    expect((await listHolds(publisher.database)).map(({ subject }) => subject)).toEqual(['apps', 'healthAuthorities']);
  });
});
