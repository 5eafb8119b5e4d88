/** The server's side of a stream of publishes: what it keeps, and how it ends. */
import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { CallContext } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { PublishResponse } from '../../../../src/gen/enmesh/publish/v1/publish.ts';
import { PublishManyRequest } from '../../../../src/gen/enmesh/publish/v1/publish_stream.ts';
import { createPublishStreams, type LocalPublish } from '../../../../src/server/publish/stream/service.ts';
import { keptOf } from '../../../support/garbage.ts';

function openStream(requests: AsyncIterable<PublishManyRequest>, publish: LocalPublish['publish'] = answerAtOnce) {
  const streams = createPublishStreams(() => ({ publish }));
  const controller = new AbortController();
  const context = { signal: controller.signal } as CallContext;
  const answers = streams.service.publishMany(requests, context)[Symbol.asyncIterator]();
  return { answers, end: streams.end, cut: () => controller.abort() };
}

const answerAtOnce: LocalPublish['publish'] = () => Promise.resolve(PublishResponse.fromPartial({}));

function message(number: number): PublishManyRequest {
  return PublishManyRequest.fromPartial({ publishes: [{ number, request: {} }] });
}

async function* messages(count: number, publishesEach: number): AsyncGenerator<PublishManyRequest, void, undefined> {
  for (let number = 0; number < count; number++) {
    await endOfTurn();
    const publishes = Array.from({ length: publishesEach }, (_, index) => ({ number: index, request: {} }));
    yield PublishManyRequest.fromPartial({ publishes });
  }
}

describe('a stream of publishes', () => {
  it('keeps nothing of what it has answered, however long it lasts', async () => {
    const sent: WeakRef<PublishManyRequest>[] = [];
    async function* requests() {
      for (let number = 0; number < 100; number++) {
        const request = message(number);
        sent.push(new WeakRef(request));
        yield request;
      }
      await Promise.withResolvers<never>().promise;
    }
    const { answers } = openStream(requests());
    for (let answered = 0; answered < 100;) answered += (await answers.next()).value?.answers?.length ?? 0;
    await endOfTurn();
    // The generator's own variable may hold the last one.
    expect(keptOf(sent)).toBeLessThanOrEqual(2);
  });

  it('works on no more than 1,000 publishes of one message at a time', async () => {
    let most = 0;
    let open = 0;
    const { answers } = openStream(messages(1, 3_000), async () => {
      most = Math.max(most, ++open);
      await endOfTurn();
      open--;
      return PublishResponse.fromPartial({});
    });
    for (let answered = 0; answered < 3_000;) answered += (await answers.next()).value?.answers?.length ?? 0;
    expect(most).toBe(1_000);
  });

  it('reads no further when its caller does not take the answers', async () => {
    let begun = 0;
    const { answers } = openStream(messages(100, 100), () => {
      begun++;
      return Promise.resolve(PublishResponse.fromPartial({}));
    });
    let answered = (await answers.next()).value?.answers?.length ?? 0;
    for (let turn = 0; turn < 200; turn++) await endOfTurn();
    expect(begun).toBe(1_000);
    for await (const { answers: more = [] } of { [Symbol.asyncIterator]: () => answers }) answered += more.length;
    expect(answered).toBe(10_000);
  });

  it('that breaks ends with its error after what was read is answered', async () => {
    const answer = Promise.withResolvers<PublishResponse>();
    async function* requests() {
      yield message(1);
      await endOfTurn();
      throw new Error('broken');
    }
    const { answers } = openStream(requests(), () => answer.promise);
    const first = answers.next();
    for (let turn = 0; turn < 5; turn++) await endOfTurn();
    answer.resolve(PublishResponse.fromPartial({}));
    expect((await first).value?.answers).toMatchObject([{ number: 1 }]);
    await expect(answers.next()).rejects.toThrow('broken');
  });

  it('ends when its caller is cut off, although nothing more is heard of it', async () => {
    const { answers, cut } = openStream(silent());
    const next = answers.next();
    cut();
    expect(await next).toMatchObject({ done: true });
  });

  it('ends when the role ends, also when it begins later', async () => {
    const { answers, end } = openStream(silent());
    const next = answers.next();
    end();
    expect(await next).toMatchObject({ done: true });
    const streams = createPublishStreams(() => ({ publish: answerAtOnce }));
    streams.end();
    const late = streams.service.publishMany(silent(), { signal: new AbortController().signal } as CallContext);
    expect(await late[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
  });
});

async function* silent(): AsyncGenerator<PublishManyRequest, void, undefined> {
  await Promise.withResolvers<never>().promise;
  yield message(0);
}
