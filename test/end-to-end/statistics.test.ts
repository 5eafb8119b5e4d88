/** Phones publish over HTTP, and their health authority reads over HTTP what was counted. */
import { expect, it } from 'vitest';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { createPublishService } from '../../src/server/publish/service.ts';
import { createStatsService } from '../../src/server/stats/service.ts';
import { ask, openGateway, publish } from '../gateway/support/gateway.ts';
import { makePublisher, now, publishSettings } from '../server/publish/publisher.ts';
import { statsToken } from '../support/statistics.ts';

const android = { 'user-agent': 'ENPA/1 (Android 12)' };
const ios = { 'user-agent': 'bluetoothd/1 CFNetwork/1.2' };
const dayMs = 86_400_000;

async function open() {
  const publisher = await makePublisher();
  const { database, clock } = publisher;
  const logger = createLogger({ level: 'silent', pretty: false });
  const metrics = new Metrics();
  const service = createPublishService({ ...publisher, settings: publishSettings, logger, metrics });
  const settings = {
    audience: 'keyserver',
    uploadMinimum: 10,
    embargoSeconds: 3_600,
    retentionSeconds: 14 * 86_400,
    truncateSeconds: publishSettings.truncateSeconds,
    leewaySeconds: 60,
    authorityCacheSeconds: 10,
  };
  const stats = createStatsService({ database, clock, settings });
  const gateway = await openGateway({ publish: service.publish, stats: stats.getStats });
  const readDays = async (): Promise<unknown> => {
    const token = statsToken({ now: clock.now(), privateKey: publisher.authority.privateKey });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const answer = await ask(gateway, '/v1/stats', { method: 'POST', headers, body: '{}' });
    expect(answer.status).toBe(200);
    return (JSON.parse(answer.text) as { days?: unknown }).days;
  };
  const close = async (): Promise<void> => {
    await gateway[Symbol.asyncDispose]();
    await publisher[Symbol.asyncDispose]();
  };
  return { publisher, gateway, readDays, [Symbol.asyncDispose]: close };
}

it('counts each publish that wrote something, once, and shows the day when it is over', async () => {
  await using all = await open();
  const { publisher, gateway, readDays } = all;
  const threeDaysAgo = Math.floor((now.getTime() - 3 * dayMs) / 600_000);
  const likely = publisher.body({ reportType: 'likely', symptomOnsetInterval: threeDaysAgo });
  const first = await publish(gateway, JSON.stringify(likely), android);
  expect((await publish(gateway, JSON.stringify(likely), android)).status).toBe(200);
  for (let i = 0; i < 7; i++) {
    const body = publisher.body({ symptomOnsetInterval: threeDaysAgo });
    expect((await publish(gateway, JSON.stringify(body), android)).status).toBe(200);
  }
  expect((await publish(gateway, JSON.stringify(publisher.body()), ios)).status).toBe(200);
  expect((await publish(gateway, JSON.stringify({ ...publisher.body(), hmacKey: 'eA==' }), ios)).status).toBe(401);
  expect((await publish(gateway, '{}', { 'x-chaff': '1' })).status).toBe(200);
  publisher.clock.advance(60_000);
  const revision = publisher.body({ keys: likely.temporaryExposureKeys, revisionToken: first.json.revisionToken! });
  expect((await publish(gateway, JSON.stringify(revision))).status).toBe(200);

  expect(await readDays()).toBeUndefined();
  publisher.clock.set(new Date('2026-03-16T00:59:59Z'));
  expect(await readDays()).toBeUndefined();
  publisher.clock.set(new Date('2026-03-16T01:00:00Z'));
  expect(await readDays()).toEqual([
    {
      day: '2026-03-15T00:00:00Z',
      publish_requests: { unknown: 1, android: 8, ios: 1 },
      total_teks_published: 30,
      requests_with_revisions: 1,
      tek_age_distribution: Array.from({ length: 16 }, (_, age) => (age === 3 ? 9 : 0)),
      onset_to_upload_distribution: Array.from({ length: 30 }, (_, age) => (age === 3 ? 8 : 0)),
      requests_missing_onset_date: 1,
    },
  ]);
});
