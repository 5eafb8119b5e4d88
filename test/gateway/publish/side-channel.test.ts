import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { compareSamples } from '../../../bench/support/kolmogorov-smirnov.ts';
import { KeepAliveClient, type TimedAnswer } from '../../../bench/support/keep-alive-client.ts';
import { mixedLoad, type MixedAnswers } from '../../../bench/support/mixed-load.ts';
import { Playground, serveSettings } from '../../support/enmesh.ts';
import { installAuthority, startRoles, type Installed } from '../../support/installed.ts';
import { makeKeys } from '../../support/phone.ts';
import { createEmptyDatabase } from '../../support/postgres.ts';

/**
 * Distances of 5,000 and 5,000 values drawn from one distribution exceed 0.05 once in 10⁵ times
 * (2·exp(−2·2,500·0.05²)), and chaff, being drawn from the real answers themselves, is nearer than independent draws.
 * What is left of the 0.05 is for real differences: the deployed server has 0.19 in latency and 0.46 in size.
 * A true distance of some 0.04 may still be measured as 0.05: then more is sent, and all that was answered counts. What
 * chance adds goes down with the root of the number, a real difference stays.
 */
const farthest = 0.05;
/** Times that all phases are sent, at most. */
const mostRounds = 4;

/** Requests, half of them chaff, at so many connections: the load changes while it is watched. */
const phases = [
  { connections: 2, requests: 2_000 },
  { connections: 8, requests: 5_000 },
  { connections: 16, requests: 3_000 },
];

describe('Publish 13: chaff cannot be told from a real publish', () => {
  it('by status, headers, size or time, in a mixed load', { timeout: 300_000 }, async () => {
    await using database = await createEmptyDatabase();
    await using playground = await Playground.open(serveSettings(database.url));
    await startRoles(playground);
    const installed = await installAuthority(playground);
    const { gatewayUrl } = playground;

    const first = await firstChaff(gatewayUrl, installed);
    await mixedLoad({ gatewayUrl, bodies: makeBodies(installed, 500), connections: 8 });
    const before = await requestCounts(playground);
    const answers: MixedAnswers = { real: [], chaff: [] };
    for (let round = 0; round < mostRounds && (round === 0 || isApart(answers)); round++) {
      for (const { connections, requests } of phases) {
        const { real, chaff } = await mixedLoad({ gatewayUrl, bodies: makeBodies(installed, requests), connections });
        answers.real.push(...real);
        answers.chaff.push(...chaff);
      }
    }
    const after = await requestCounts(playground);

    const shapes = new Set([first, ...answers.real, ...answers.chaff].map(shapeOf));
    expect([...shapes]).toEqual([expect.stringMatching(/^HTTP\/1\.1 200 OK\n/)]);
    for (const of of observed) expect(apart(answers, of)).toBeLessThan(farthest);
    const sizes = answers.real.map(({ body }) => body.length);
    expect(first.body.length).toBeGreaterThanOrEqual(Math.min(...sizes) - 4);
    expect(first.body.length).toBeLessThanOrEqual(Math.max(...sizes) + 4);
    expect({ publishes: after.publishes - before.publishes, chaff: after.chaff - before.chaff }).toEqual({
      publishes: answers.real.length,
      chaff: answers.chaff.length,
    });
    expect(answers.real.length).toBeGreaterThanOrEqual(5_000);
    expect(after.stored - before.stored).toBe(answers.real.length);
  });
});

/** Asked before any real publish: what the gateway ships with. */
async function firstChaff(gatewayUrl: string, installed: Installed): Promise<TimedAnswer> {
  const client = await KeepAliveClient.open(gatewayUrl);
  const answer = await client.post('/v1/publish', makeBodies(installed, 1)[0]!, ['X-Chaff: 1']);
  client.close();
  return answer;
}

/** Publishes of all sizes; some are answered without a token, and some in part only. */
function makeBodies({ phone }: Installed, count: number): string[] {
  const now = new Date();
  return Array.from({ length: count }, () => {
    const keys = makeKeys(now, 1 + randomInt(14));
    const kind = randomInt(10);
    const tooOld = { ...keys[0]!, key: makeKeys(now, 1)[0]!.key, rollingStartNumber: 1_000_000 };
    const body = phone.publishBody({
      now,
      keys: kind === 0 ? [...keys, tooOld] : keys,
      reportType: kind === 1 ? 'negative' : 'confirmed',
    });
    return JSON.stringify(body);
  });
}

/** What an eavesdropper measures. */
const observed: readonly ((answer: TimedAnswer) => number)[] = [
  ({ body }) => body.length,
  ({ firstByteMs }) => firstByteMs,
  ({ lastByteMs }) => lastByteMs,
];

function isApart(answers: MixedAnswers): boolean {
  return observed.some((of) => apart(answers, of) >= farthest);
}

function apart({ real, chaff }: MixedAnswers, of: (answer: TimedAnswer) => number): number {
  return compareSamples(real.map(of), chaff.map(of)).distance;
}

/** Status line and headers in their order and spelling, without the two values that differ from answer to answer. */
function shapeOf({ head }: TimedAnswer): string {
  return head.map((line) => line.replace(/^((?:date|content-length): ).*/i, '$1')).join('\n');
}

interface RequestCounts {
  readonly publishes: number;
  readonly chaff: number;
  /** Publishes that reached the server role. */
  readonly stored: number;
}

async function requestCounts(playground: Playground): Promise<RequestCounts> {
  const text = await (await fetch(`${playground.statusUrl}/metrics`)).text();
  const sumOf = (metric: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(metric))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  return {
    publishes: sumOf('enmesh_http_requests_total{route="publish"'),
    chaff: sumOf('enmesh_http_requests_total{route="chaff"'),
    stored: sumOf('enmesh_publish_requests_total{'),
  };
}
