/** `enmesh demo`: two authorities in one terminal. */
import { Command } from 'commander';
import type { CommandSetup } from '../lazy-commands.ts';

/** The command. */
export function demoCommand({ io }: CommandSetup): Command {
  return new Command('demo')
    .description(
      'Two authorities in one terminal: a phone publishes at one, the keys cross the border, the other exports them, and ' +
        'a phone there finds out that it was near. Everything is the real thing, on this machine, with addresses that ' +
        'can be called meanwhile. Variables ENMESH_… do not count; nothing stays behind.',
    )
    .option('--keep', 'let both authorities go on after the story, until Ctrl-C')
    .action(async ({ keep }: { readonly keep?: true }) => {
      const { runDemo } = await import('../demo/run-demo.ts');
      await runDemo(io, { keep: keep === true });
    });
}
