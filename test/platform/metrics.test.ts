/** Metrics as Prometheus reads them. */
import { expect, test } from 'vitest';
import { Metrics } from '../../src/platform/metrics.ts';

test('a counter, a histogram and a gauge are rendered', async () => {
  const metrics = new Metrics();
  const counter = metrics.counter({ name: 'a_total', help: 'A.', labelNames: ['kind'] });
  counter.inc({ kind: 'x' });
  counter.inc({ kind: 'x' }, 2);
  metrics.counter({ name: 'plain_total', help: 'P.' }).inc();
  metrics.histogram({ name: 'b_seconds', help: 'B.', buckets: [1, 2] }).observe({}, 1.5);
  metrics.gauge({ name: 'c', help: 'C.' }).set({}, 7);
  const { contentType, body } = await metrics.render();
  expect(contentType).toContain('text/plain');
  expect(body).toContain('a_total{kind="x"} 3\n');
  expect(body).toContain('plain_total 1\n');
  expect(body).toContain('b_seconds_bucket{le="1"} 0\n');
  expect(body).toContain('b_seconds_bucket{le="2"} 1\n');
  expect(body).toContain('c 7\n');
});

test('two instances share nothing', async () => {
  const [one, other] = [new Metrics(), new Metrics()];
  one.counter({ name: 'a_total', help: 'A.' }).inc();
  other.counter({ name: 'a_total', help: 'A.' });
  expect((await other.render()).body).toContain('a_total 0');
});

test('declaring a name again gives the same metric, and another type is refused', async () => {
  const metrics = new Metrics();
  metrics.counter({ name: 'a_total', help: 'A.' }).inc();
  metrics.counter({ name: 'a_total', help: 'A.' }).inc();
  expect((await metrics.render()).body).toContain('a_total 2');
  expect(() => metrics.gauge({ name: 'a_total', help: 'A.' })).toThrow(/two different types/);
});

test('a gauge is read when it is asked for, by whoever declared it last', async () => {
  const metrics = new Metrics();
  let value = 1;
  metrics.gauge({
    name: 'g',
    help: 'G.',
    collect: (gauge) => {
      gauge.set({}, -1);
    },
  });
  metrics.gauge({
    name: 'g',
    help: 'G.',
    collect: async (gauge) => {
      await Promise.resolve();
      gauge.set({}, value);
    },
  });
  expect((await metrics.render()).body).toContain('g 1\n');
  value = 2;
  expect((await metrics.render()).body).toContain('g 2\n');
});

test('a gauge that cannot be read is left out and counted; the others are rendered', async () => {
  const metrics = new Metrics();
  metrics.gauge({ name: 'good', help: 'G.' }).set({}, 1);
  metrics.gauge({
    name: 'bad',
    help: 'B.',
    labelNames: ['a'],
    collect: (gauge) => {
      gauge.set({ a: 'x' }, 1);
      throw new Error('no database');
    },
  });
  await metrics.render();
  const { body } = await metrics.render();
  expect(body).toContain('good 1');
  expect(body).not.toContain('bad{a="x"}');
  expect(body).toMatch(/enmesh_metrics_collect_failures_total\{metric="bad"\} [12]/);
});

test('process metrics come only when asked for', async () => {
  expect((await new Metrics().render()).body).not.toContain('process_cpu');
  expect((await new Metrics({ processMetrics: true }).render()).body).toContain('process_cpu');
});
