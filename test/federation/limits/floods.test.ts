/** What a partner, or a stranger, may make the federation port do: too large a message, too many streams. */
import { Client, credentials } from '@grpc/grpc-js';
import { Metadata } from 'nice-grpc';
import { expect, it } from 'vitest';
import { FederationServiceDefinition } from '../../../src/gen/enmesh/federation/v1/federation.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { startIssuer } from '../../support/issuer.ts';
import { openNeighbour } from '../partners/neighbour.ts';
import { openServing } from '../serve/serving.ts';

const now = new Date('2026-03-20T10:20:00Z');
const resourceExhausted = 8;
const largestMessage = 4 * 1024 * 1024;

/** Sends so many bytes as a message of Fetch. @returns the status */
async function send(target: string, bytes: number): Promise<number | undefined> {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const asIs = (message: Buffer): Buffer => message;
  client.makeUnaryRequest('/Federation/Fetch', asIs, asIs, Buffer.alloc(bytes), (error) => {
    resolve(error?.code);
  });
  try {
    return await promise;
  } finally {
    client.close();
  }
}

it('a message over 4 MiB is refused before it is read, and everybody else is answered', async () => {
  const clock = new ManualClock(now);
  await using aa = await openNeighbour('aa', clock);
  await using bb = await openNeighbour('bb', clock);
  await bb.start([aa.asPartner({ serve: { regions: ['BB'] } })]);
  await aa.start([bb.asPartner({ pull: { regions: [] } })]);
  await bb.addKeys(1);
  const statuses = await Promise.all(Array.from({ length: 4 }, () => send(bb.target, largestMessage + 1)));
  expect(new Set(statuses)).toEqual(new Set([resourceExhausted]));
  expect((await aa.run('pull')).exitCode).toBe(0);
  expect(await aa.countKeys()).toBe(1);
});

it('a partner has 8 streams at a time, and another partner is answered while it has them', async () => {
  const clock = new ManualClock(now);
  await using greedy = await startIssuer();
  await using aa = await openNeighbour('aa', clock);
  await using bb = await openNeighbour('bb', clock);
  const serve = { serve: { regions: ['BB'] } };
  const audience = 'https://partners.example';
  const other = { name: 'greedy', identity: { issuer: greedy.issuer, subject: 'greedy', audience } };
  await bb.start([aa.asPartner(serve), aa.asPartner({ ...serve, ...other })]);
  await aa.start([bb.asPartner({ pull: { regions: [] } })]);
  await bb.addKeys(1);

  const token = await greedy.token({ sub: 'greedy', aud: audience }, { now });
  const { client, close } = createGrpcClient(FederationServiceDefinition, bb.target, { token });
  const ended = new AbortController();
  const open = () => {
    const metadata = Metadata({ 'enmesh-nonce': Buffer.alloc(32).toString('base64url') });
    const options = { signal: ended.signal, metadata };
    return client.subscribe({ follow: true }, options)[Symbol.asyncIterator]();
  };
  const streams = Array.from({ length: 8 }, open);
  for (const stream of streams) expect((await stream.next()).value?.batch?.keys).toHaveLength(1);
  await expect(open().next()).rejects.toMatchObject({ kind: 'exhausted', code: 'too_many_streams' });
  expect((await aa.run('pull')).exitCode).toBe(0);
  expect(await aa.countKeys()).toBe(1);
  ended.abort();
  await Promise.allSettled(streams.map((stream) => stream.next()));
  close();
});

it('a call that comes too often is refused before our key signs anything for it', async () => {
  await using served = await openServing({ callsPerMinute: 1 });
  const proofs: boolean[] = [];
  const handshake = async () =>
    await served.client.handshake(
      { versions: ['v1'] },
      { metadata: await served.metadata(), onHeader: (header) => proofs.push(header.has('enmesh-identity')) },
    );
  await handshake();
  expect(proofs).toEqual([true]);
  await expect(handshake()).rejects.toMatchObject({ kind: 'exhausted', code: 'rate_limited' });
  expect(proofs.slice(1)).not.toContain(true);
});
