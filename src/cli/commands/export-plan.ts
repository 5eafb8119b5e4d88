/** `enmesh export plan`: what will be in which file, and when. */
import { Command } from 'commander';
import { ExportServiceDefinition, PlannedState, type PlannedWindow } from '../../gen/enmesh/export/v1/export.ts';
import { wholeNumber } from '../arguments.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { formatTable, formatTime } from '../table.ts';

interface Options {
  readonly ahead: number;
  readonly server?: string;
  readonly json?: true;
}

/** Windows ahead, unless told otherwise; the service takes 100 at most. */
const usualAhead = 3;
const mostAhead = 100;

/** The command. */
export function exportPlanCommand({ io }: CommandSetup): Command {
  return new Command('plan')
    .description(
      'Show what will be in which file, and when: batches that wait, then windows that ended or are still open. ' +
        'Counts are of real keys so far, without padding. Changes nothing.',
    )
    .argument('[name]', 'an export; none named = all', '')
    .option('--ahead <n>', 'windows of each export that end in the future', wholeNumber(1, mostAhead), usualAhead)
    .addOption(serverOption('export'))
    .option('--json', 'print the windows as JSON')
    .action(async (name: string, { ahead, server, json }: Options) => {
      const { windows } = await withClient(ExportServiceDefinition, { io, role: 'export', server }, (client) =>
        client.plan({ name, ahead }),
      );
      if (json) printJson(io, { windows: windows.map(windowJson) });
      else io.stdout.write(windows.length === 0 ? 'nothing is planned\n' : planTable(windows));
    });
}

const stateWords: Readonly<Record<number, string>> = {
  [PlannedState.COLLECTING]: 'collecting',
  [PlannedState.AGEING]: 'ageing',
  [PlannedState.DUE]: 'due',
  [PlannedState.BUILDING]: 'building',
  [PlannedState.RETRYING]: 'retrying',
  [PlannedState.SHIFTED]: 'shifted',
  [PlannedState.ON_HOLD]: 'on hold',
};

function stateWord({ state }: PlannedWindow): string {
  return stateWords[state] ?? 'unknown';
}

function windowJson(window: PlannedWindow): unknown {
  return { ...window, state: stateWord(window) };
}

function planTable(windows: readonly PlannedWindow[]): string {
  return formatTable(
    [
      { heading: 'EXPORT' },
      { heading: 'START' },
      { heading: 'END' },
      { heading: 'BUILT FROM' },
      { heading: 'STATE' },
      { heading: 'BATCH', align: 'right' },
      { heading: 'KEYS', align: 'right' },
      { heading: 'REVISED', align: 'right' },
      { heading: 'FILES' },
      { heading: 'DETAIL' },
    ],
    windows.map((window) => [
      window.exportName,
      formatTime(window.start),
      formatTime(window.end),
      formatTime(window.due),
      stateWord(window),
      window.batchId === 0n ? '-' : String(window.batchId),
      String(window.keys),
      String(window.revisedKeys),
      window.files.join(' ') || '-',
      window.detail,
    ]),
  );
}
