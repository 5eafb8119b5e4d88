/** Maintenance: no key is taken, and nobody takes the process for a dead one. */
import { expect, it } from 'vitest';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { startRoles, writeAuthority } from '../support/installed.ts';
import { createTestDatabase } from '../support/postgres.ts';

it('answers health and readiness, and 503 to publishes, chaff and stats (decision 14)', async () => {
  await using database = await createTestDatabase();
  await using playground = await Playground.open({
    ...serveSettings(database.url),
    ENMESH_MAINTENANCE_MODE: 'true',
    ENMESH_ENABLE_V1ALPHA1_API: 'true',
  });
  await startRoles(playground);
  const { phone } = await writeAuthority(playground);
  const body = JSON.stringify(phone.publishBody({ now: new Date() }));
  for (const path of ['/v1/publish', '/v1/stats', '/']) {
    for (const chaff of [{}, { 'x-chaff': '1' }]) {
      const headers = { 'content-type': 'application/json', ...chaff };
      const answer = await fetch(playground.gatewayUrl + path, { method: 'POST', headers, body });
      expect({ path, chaff, status: answer.status }).toEqual({ path, chaff, status: 503 });
      expect(answer.headers.get('retry-after')).toBe('60');
      expect(await answer.json()).toMatchObject({ error: 'please try again later' });
    }
  }
  const { gatewayUrl, statusUrl } = playground;
  for (const url of [`${gatewayUrl}/healthz`, `${gatewayUrl}/health`, `${statusUrl}/healthz`, `${statusUrl}/readyz`]) {
    expect({ url, status: (await fetch(url)).status }).toEqual({ url, status: 200 });
  }
}, 120_000);
