/** The end of a process: announced, in time, and without the loss of a request. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createHealthClient } from '../../src/platform/grpc/health-client.ts';
import { eventually } from '../support/download.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { installAuthority, post, startRoles } from '../support/installed.ts';
import { Load } from '../support/load.ts';
import { createTestDatabase } from '../support/postgres.ts';

const drainMs = 1_000;

describe('a process that is asked to stop', () => {
  it.each([
    ['the gateway apart from the others', ['gateway'], ['server', 'export']],
    ['all roles in one process', [], []],
  ])('loses no request: %s', { timeout: 180_000 }, async (_what, stopped, others) => {
    await using database = await createTestDatabase();
    const settings = { ...serveSettings(database.url), ENMESH_STOP_DRAIN: `${String(drainMs / 1_000)}s` };
    await using playground = await Playground.open(settings);
    if (others.length > 0) await startRoles(playground, others, { ENMESH_METRICS_ADDRESS: '127.0.0.1:0' });
    const enmesh = await startRoles(playground, stopped);
    const load = new Load(playground.gatewayUrl, await installAuthority(playground));
    await eventually(() => Promise.resolve(load.begun > 100));
    const signalledAt = performance.now();
    const ended = await enmesh.end();
    const outcomes = await load.stop();

    expect(ended.code).toBe(0);
    const before = outcomes.filter(({ begunAt }) => begunAt < signalledAt + drainMs / 2);
    expect(before.filter(({ result }) => result !== 200)).toEqual([]);
    // Whoever comes later is answered or finds nobody; nobody gets a failure for an answer.
    const after = outcomes.filter((outcome) => !before.includes(outcome));
    expect(after.filter(({ result }) => typeof result === 'number' && result !== 200)).toEqual([]);
    expect(after.at(-1)?.result).toBe('ECONNREFUSED');
  });

  it('says so at once everywhere, and goes on working meanwhile', { timeout: 120_000 }, async () => {
    await using database = await createTestDatabase();
    const settings = { ...serveSettings(database.url), ENMESH_STOP_TIMEOUT: '20s', ENMESH_STOP_DRAIN: '5s' };
    await using playground = await Playground.open(settings);
    const enmesh = await startRoles(playground);
    const { phone } = await installAuthority(playground);
    const health = createHealthClient(playground.env['ENMESH_GRPC_ADDRESS']!, {});
    expect(await health.isServing()).toBe(true);
    expect((await fetch(`${playground.statusUrl}/readyz`)).status).toBe(200);
    const ended = enmesh.end();
    await enmesh.prints('"msg":"stopping"');
    const readyz = await fetch(`${playground.statusUrl}/readyz`);
    expect({ status: readyz.status, body: await readyz.json() }).toEqual({
      status: 503,
      body: { status: 'not_ready', notReady: ['stopping'] },
    });
    expect(await health.isServing()).toBe(false);
    expect((await fetch(`${playground.gatewayUrl}/health`)).status).toBe(503);
    expect((await fetch(`${playground.statusUrl}/healthz`)).status).toBe(200);
    const answer = await post(playground.gatewayUrl, phone.publishBody({ now: new Date() }));
    expect(answer).toMatchObject({ status: 200, body: { insertedExposures: expect.any(Number) as number } });
    health.close();
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('lets one slow request hold up nothing else, and still ends cleanly', { timeout: 120_000 }, async () => {
    await using database = await createTestDatabase();
    const settings = { ...serveSettings(database.url), ENMESH_STOP_TIMEOUT: '6s', ENMESH_STOP_DRAIN: '0s' };
    await using playground = await Playground.open(settings);
    const enmesh = await startRoles(playground);
    const { port } = new URL(playground.gatewayUrl);
    const slow = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    await once(slow, 'connect');
    slow.write('POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{');
    await wait(200);
    const ended = await enmesh.end();
    expect(ended.code).toBe(0);
    expect(enmesh.output).toContain('requests did not end in time');
    expect(enmesh.output).toContain('"outcome":"clean"');
    slow.destroy();
  });
});
