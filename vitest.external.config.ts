/** The external tier: tests that need more than npm packages; each says what it skipped and why. */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

export default mergeConfig(
  { ...base, test: { ...base.test, include: [], exclude: [] } },
  defineConfig({
    test: { include: ['test/external/**/*.test.ts'], passWithNoTests: false },
  }),
);
