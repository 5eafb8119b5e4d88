/** Two server roles behind one address: one of them ends while phones publish all the time. */
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/download.ts';
import { Playground, serveSettings, type EnmeshProcess } from '../support/enmesh.ts';
import { installAuthority, startRoles } from '../support/installed.ts';
import { Load, type Outcome } from '../support/load.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { runSql } from '../support/sql.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

/** Keys of each publish. */
const keysOfEach = 3;

/** After it, every publish finds its way again. */
const recoveryMs = 2_000;

/** Publishes before the first server role ends, and after it. */
const publishesEachSide = 100;

interface Watched {
  readonly outcomes: readonly Outcome[];
  /** `performance.now()` when the second server role was alone. */
  readonly changedAt: number;
  readonly storedKeys: number;
}

/**
 * Publishes all the time while `change` ends the first server role.
 * @param change calls `takeOver` when new connections shall come to the second one, as a balancer would
 */
async function watch(change: (first: EnmeshProcess, takeOver: () => void) => Promise<unknown>): Promise<Watched> {
  await using database = await createTestDatabase();
  await using playground = await Playground.open({ ...serveSettings(database.url), ENMESH_STOP_DRAIN: '1s' });
  const { ENMESH_GRPC_ADDRESS: firstAddress, ENMESH_FEDERATION_ADDRESS: secondAddress } = playground.env;
  const start = async (role: string, settings: NodeJS.ProcessEnv = {}) =>
    await startRoles(playground, [role], { ENMESH_METRICS_ADDRESS: '127.0.0.1:0', ...settings });
  const first = await start('server');
  await start('server', { ENMESH_GRPC_ADDRESS: secondAddress });
  await using balancer = await TcpProxy.open(portOf(firstAddress));
  await start('gateway', { ENMESH_SERVER_TARGET: `127.0.0.1:${String(balancer.port)}` });
  const load = new Load(playground.gatewayUrl, await installAuthority(playground));
  await eventually(() => Promise.resolve(load.begun > publishesEachSide));
  await change(first, () => {
    balancer.targetPort = portOf(secondAddress);
  });
  const [changedAt, before] = [performance.now(), load.begun];
  await eventually(() =>
    Promise.resolve(performance.now() > changedAt + recoveryMs + 1_000 && load.begun > before + publishesEachSide),
  );
  const outcomes = await load.stop();
  const [row] = await runSql<{ count: string }>(database.url, 'select count(*) from exposures');
  return { outcomes, changedAt, storedKeys: Number(row?.count) };
}

function portOf(address = ''): number {
  return Number(address.split(':').at(-1));
}

function expectRecovery({ outcomes, changedAt, storedKeys }: Watched): void {
  expect(outcomes.filter(({ result }) => result !== 200 && result !== 503)).toEqual([]);
  const later = outcomes.filter(({ begunAt }) => begunAt > changedAt + recoveryMs);
  expect(later.length).toBeGreaterThan(0);
  expect(later.filter(({ result }) => result !== 200)).toEqual([]);
  const accepted = outcomes.filter(({ result }) => result === 200);
  expect(storedKeys).toBeGreaterThanOrEqual(accepted.length * keysOfEach);
}

describe('one of two server roles', () => {
  it('that is asked to stop loses no publish and stores none twice', { timeout: 180_000 }, async () => {
    const { outcomes, storedKeys } = await watch(async (first, takeOver) => {
      takeOver();
      expect(await first.end()).toMatchObject({ code: 0 });
    });
    expect(outcomes.filter(({ result }) => result !== 200)).toEqual([]);
    expect(storedKeys).toBe(outcomes.length * keysOfEach);
  });

  it(
    'that is killed costs those under way a 503, and within two seconds all is well',
    { timeout: 180_000 },
    async () => {
      const watched = await watch(async (first, takeOver) => {
        takeOver();
        await first.end('SIGKILL');
      });
      expectRecovery(watched);
    },
  );
});

describe('the only server role', () => {
  it('that stops, and is back soon, costs a 503 at worst', { timeout: 180_000 }, async () => {
    const watched = await watch(async (first, takeOver) => {
      expect(await first.end()).toMatchObject({ code: 0 });
      await wait(500);
      takeOver();
    });
    expectRecovery(watched);
  });
});
