/** How the tests run: against one PostgreSQL for all of them, many files in one process; what measures time runs alone. */
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** What holds for every tier. */
export const common = {
  globalSetup: ['test/support/global-setup.ts'],
  pool: 'forks',
  isolate: false,
  // More than the cores of a small machine: tests wait a good part of their time, for processes and databases.
  maxWorkers: 3,
  testTimeout: 60_000,
  hookTimeout: 120_000,
} as const satisfies TestProjectInlineConfiguration['test'];

const external = 'test/external/**';
/** What speaks of time (distributions of latency, a minute, two seconds to recover): nothing else runs beside it. */
const timed = [
  'test/gateway/publish/side-channel.test.ts',
  'test/end-to-end/demo.test.ts',
  'test/end-to-end/replicas.test.ts',
];

export default defineConfig({
  test: {
    ...common,
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'], exclude: [external, ...timed] } },
      { extends: true, test: { name: 'timed', include: timed, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
