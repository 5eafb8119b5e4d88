/** Three authorities in a ring, each giving on what it learned: keys go around once and end; nothing is lost or changed on the way. */
import { beforeAll, expect, it } from 'vitest';
import { makeKeys } from '../support/phone.ts';
import { byKey, everythingOf, Network } from './network.ts';

let network: Network;
beforeAll(async () => {
  network = await Network.open(['aa', 'bb', 'cc'], { exportedRegions: ['AA', 'BB', 'CC'] });
  const all = ['AA', 'BB', 'CC'];
  const gives = { serve: { regions: all, onlyLocal: false } };
  const takes = { pull: { regions: all } };
  // aa → bb → cc → aa
  await network.start(([aa, bb, cc]) => [
    [bb!.asPartner(aa!, gives), cc!.asPartner(aa!, takes)],
    [cc!.asPartner(bb!, gives), aa!.asPartner(bb!, takes)],
    [aa!.asPartner(cc!, gives), bb!.asPartner(cc!, takes)],
  ]);
  return async () => await network[Symbol.asyncDispose]();
}, 240_000);

it('Federation decision 3: keys go around the ring once, and every authority exports them with equal attributes', async () => {
  const [aa, bb, cc] = network.authorities;
  const keys = makeKeys(network.clock.now(), 5).map((key, index) => ({ ...key, transmissionRisk: index + 1 }));
  const symptomOnsetInterval = keys[2]!.rollingStartNumber;
  const published = await aa!.publish({ keys, reportType: 'likely', symptomOnsetInterval, traveler: true });
  expect(published.status).toBe(200);
  for (const authority of [bb, cc, aa, bb, cc, aa]) {
    // What arrives is in the present window, and goes on when that is closed.
    network.closeWindow();
    await authority!.pull();
  }

  const stored = await Promise.all(network.authorities.map(everythingOf));
  expect(stored.map((rows) => rows.length)).toEqual([5, 5, 5]);
  const paths = [null, [aa!.id], [aa!.id, bb!.id]];
  for (const [index, rows] of stored.entries()) {
    expect(new Set(rows.map(({ provenance }) => JSON.stringify(provenance)))).toEqual(
      new Set([JSON.stringify(paths[index])]),
    );
  }
  network.closeWindow();
  const exported = await Promise.all(network.authorities.map(async (authority) => byKey(await authority.export())));
  expect(exported[0]!.size).toBe(5);
  expect(exported[1]).toEqual(exported[0]);
  expect(exported[2]).toEqual(exported[0]);

  // What changes goes the same way.
  const { revisionToken } = published.body as { revisionToken: string };
  const revised = await aa!.publish({ keys, reportType: 'confirmed', symptomOnsetInterval, revisionToken });
  expect(revised.status).toBe(200);
  for (const authority of [bb, cc, aa]) {
    network.closeWindow();
    await authority!.pull();
  }
  network.closeWindow();
  const after = await Promise.all(network.authorities.map(async (authority) => byKey(await authority.export(), true)));
  expect(after[0]!.size).toBe(5);
  expect(after[1]).toEqual(after[0]);
  expect(after[2]).toEqual(after[0]);
});
