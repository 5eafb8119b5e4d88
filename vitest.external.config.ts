/** The external tier: tests that need more than npm packages; its output ends with what was skipped and why. */
import { defineConfig } from 'vitest/config';
import { SkippedReporter } from './test/external/skipped-reporter.ts';
import { common } from './vitest.config.ts';

export default defineConfig({
  test: {
    ...common,
    include: ['test/external/**/*.test.ts'],
    passWithNoTests: false,
    reporters: ['default', new SkippedReporter()],
  },
});
