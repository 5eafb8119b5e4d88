import { describe, expect, it } from 'vitest';
import { ChaffProfile } from '../../../src/gateway/publish/chaff-profile.ts';
import { chaffAnswer } from '../../../src/gateway/publish/chaff.ts';
import { shippedProfile } from '../../../src/gateway/publish/shipped-profile.ts';
import { ask, openGateway, publish } from '../support/gateway.ts';

const chaff = { 'x-chaff': '1' };
const token = 'x'.repeat(1200);

describe('chaff', () => {
  it('gets the same status and headers as a real publish, from the first request on', async () => {
    await using gateway = await openGateway({ publish: () => Promise.resolve({ revisionToken: token }) });
    const first = await publish(gateway, 'not even JSON', { ...chaff, 'content-type': 'text/plain' });
    const real = await publish(gateway, '{}');
    expect(first.status).toBe(real.status);
    const comparable = ({ headers }: typeof real) => ({ ...headers, date: '', 'content-length': '' });
    expect(comparable(first)).toEqual(comparable(real));
    expect(Object.keys(first.headers)).toEqual(Object.keys(real.headers));
    expect(Object.keys(first.json)).toEqual(['padding']);
    expect(first.json.padding).toMatch(/^[A-Za-z0-9+/]+=*$/);
  });

  it('never reaches the server role', async () => {
    let calls = 0;
    await using gateway = await openGateway({
      publish: () => {
        calls++;
        return Promise.resolve({});
      },
    });
    await publish(gateway, '{}', chaff);
    expect(calls).toBe(0);
  });

  it('is answered although no server role lives, so it costs the database nothing', async () => {
    await using gateway = await openGateway();
    await gateway.stopRoles();
    expect((await publish(gateway, '{}')).status).toBe(503);
    expect((await publish(gateway, '{}', chaff)).status).toBe(200);
  });

  it('ends its connection where a real publish does', async () => {
    await using gateway = await openGateway({ publish: () => Promise.resolve({ revisionToken: token }) });
    const close = { connection: 'close' };
    const [real, pretended] = [
      await publish(gateway, '{}', close),
      await publish(gateway, '{}', { ...close, ...chaff }),
    ];
    expect(pretended.headers.connection).toBe('close');
    expect(Object.keys(pretended.headers)).toEqual(Object.keys(real.headers));
  });

  it('with an empty header is a real publish', async () => {
    await using gateway = await openGateway({ publish: () => Promise.resolve({ insertedExposures: 5 }) });
    expect((await publish(gateway, '{}', { 'x-chaff': '' })).json.insertedExposures).toBe(5);
  });

  it('is a POST like the real one', async () => {
    await using gateway = await openGateway();
    expect((await ask(gateway, '/v1/publish', { headers: chaff })).status).toBe(405);
  });

  it('is as large as real answers become, and counts as chaff alone', async () => {
    const padding = { minBytes: 100, range: 1 };
    await using gateway = await openGateway({
      settings: { padding },
      publish: () => Promise.resolve({ revisionToken: 'x'.repeat(40_000) }),
    });
    const real = await publish(gateway, '{}');
    for (let i = 1; i < shippedProfile.length; i++) await publish(gateway, '{}');
    for (let i = 0; i < 5; i++) expect((await publish(gateway, '{}', chaff)).text).toHaveLength(real.text.length);
    const { body } = await gateway.metrics.render();
    expect(body).toContain(
      `enmesh_http_requests_total{route="publish",method="POST",status="200"} ${String(shippedProfile.length)}\n`,
    );
    expect(body).toContain('enmesh_http_requests_total{route="chaff",method="POST",status="200"} 5\n');
  });

  it('does not learn from refused requests', async () => {
    await using gateway = await openGateway({ settings: { padding: { minBytes: 1, range: 1 } } });
    const error = (await publish(gateway, '{')).text.length;
    for (let i = 0; i < 300; i++) await publish(gateway, '{');
    expect((await publish(gateway, '{}', chaff)).text.length).toBeGreaterThan(error + 500);
  });
});

describe('a chaff answer', () => {
  it('comes as late as the sample says, and has its size with fresh padding', async () => {
    const profile = new ChaffProfile([{ latencyMs: 40, contentBytes: 500 }]);
    const startedAt = performance.now();
    const json = await chaffAnswer(profile, { minBytes: 300, range: 1 }, startedAt);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(40);
    expect(json).toHaveLength(900);
  });

  it('comes at once when the sample was quicker than we are', async () => {
    const profile = new ChaffProfile([{ latencyMs: 0, contentBytes: 0 }]);
    expect(await chaffAnswer(profile, { minBytes: 3, range: 1 }, 0)).toBe('{"padding":""}');
  });
});

describe('a profile', () => {
  const shipped = [{ latencyMs: -1, contentBytes: 0 }];

  function fill(profile: ChaffProfile, count: number, load: number): void {
    for (let i = 0; i < count; i++) profile.record({ latencyMs: i, contentBytes: 0, load });
  }

  function drawnFrom(profile: ChaffProfile, draws: number): number[] {
    return Array.from({ length: draws }, (_, i) => profile.draw(i / draws).latencyMs).sort((a, b) => a - b);
  }

  it('draws every sample, and forgets the oldest beyond 64', () => {
    const profile = new ChaffProfile(shipped);
    fill(profile, 65, 0);
    expect(drawnFrom(profile, 64)).toEqual(Array.from({ length: 64 }, (_, i) => i + 1));
  });

  it('takes the place of the shipped one with the sixteenth publish', () => {
    const profile = new ChaffProfile(shipped);
    fill(profile, 15, 0);
    expect(drawnFrom(profile, 1)).toEqual([-1]);
    fill(profile, 1, 0);
    expect(drawnFrom(profile, 1)).toEqual([0]);
  });

  it('answers as those were answered that met as many others, or nearly as many', () => {
    const profile = new ChaffProfile(shipped);
    for (let i = 0; i < 16; i++) profile.record({ latencyMs: 1, contentBytes: 0, load: 0 });
    for (let i = 0; i < 16; i++) profile.record({ latencyMs: 50, contentBytes: 0, load: 4 });
    const loads: number[] = [];
    const latencies: number[] = [];
    for (let underWay = 0; underWay < 20; underWay++) {
      latencies.push(profile.draw(0.5).latencyMs);
      loads.push(profile.begin());
    }
    expect(loads).toEqual([0, 1, 2, 2, 3, 3, 3, 3, ...Array<number>(8).fill(4), ...Array<number>(4).fill(5)]);
    expect(latencies).toEqual([...Array<number>(4).fill(1), ...Array<number>(16).fill(50)]);
    for (let left = 20; left > 0; left--) profile.end();
    expect(profile.draw(0.5).latencyMs).toBe(1);
  });
});
