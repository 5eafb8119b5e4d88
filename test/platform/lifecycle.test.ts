/** Starting in order, stopping in reverse. */
import { expect, test } from 'vitest';
import { Lifecycle, type Running } from '../../src/platform/lifecycle.ts';

function recorder() {
  const events: string[] = [];
  const thing = (name: string, fail = false): Running => ({
    drain: () => void events.push(`drain ${name}`),
    stop: () => {
      events.push(`stop ${name}`);
      return fail ? Promise.reject(new Error(name)) : Promise.resolve();
    },
  });
  return { events, thing };
}

test('drains and stops in reverse, once', async () => {
  const { events, thing } = recorder();
  const lifecycle = new Lifecycle();
  lifecycle.add(thing('a'));
  lifecycle.add({ stop: () => Promise.resolve() });
  lifecycle.add(thing('b'));
  lifecycle.drain();
  await Promise.all([lifecycle.stop(), lifecycle.stop()]);
  expect(events).toEqual(['drain b', 'drain a', 'stop b', 'stop a']);
});

test('a part that fails to stop keeps no other from it, and is told', async () => {
  const { events, thing } = recorder();
  const lifecycle = new Lifecycle();
  lifecycle.add(thing('a'));
  lifecycle.add(thing('b', true));
  await expect(lifecycle.stop()).rejects.toMatchObject({ errors: [expect.objectContaining({ message: 'b' })] });
  expect(events).toEqual(['stop b', 'stop a']);
});

test('what stops together does not wait for each other', async () => {
  const lifecycle = new Lifecycle();
  const second = Promise.withResolvers<undefined>();
  const stopped = { first: false, second: false };
  const waiting = lifecycle.add({
    stop: async () => {
      await second.promise;
      stopped.first = true;
    },
  });
  const releasing = lifecycle.add({
    stop: () => {
      stopped.second = true;
      second.resolve(undefined);
      return Promise.resolve();
    },
  });
  lifecycle.together([waiting, releasing]);
  await lifecycle.stop();
  expect(stopped).toEqual({ first: true, second: true });
});
