/** Ends the external tier's output with what was skipped, and why. */
import type { Reporter, TestModule } from 'vitest/node';

/** Prints a line a skipped test, or that there is none. */
export class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map((test) => {
        const result = test.result();
        const reason = (result.state === 'skipped' && result.note) || 'its test is switched off';
        return `  ${test.fullName}: ${reason}`;
      }),
    );
    console.log(lines.length === 0 ? 'skipped: nothing' : ['skipped:', ...lines].join('\n'));
  }
}
