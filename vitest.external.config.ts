/** The external tier: tests that need more than npm packages; its output ends with what was skipped and why. */
import { defineConfig, mergeConfig } from 'vitest/config';
import { SkippedReporter } from './test/external/skipped-reporter.ts';
import base from './vitest.config.ts';

export default mergeConfig(
  { ...base, test: { ...base.test, include: [], exclude: [] } },
  defineConfig({
    test: {
      include: ['test/external/**/*.test.ts'],
      passWithNoTests: false,
      reporters: ['default', new SkippedReporter()],
    },
  }),
);
