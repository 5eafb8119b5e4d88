/** `enmesh mirror`: brings copies of other authorities' files up to date, or shows where they stand. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { MirrorServiceDefinition, type Mirror } from '../../gen/enmesh/export/v1/mirror.ts';
import { longCallMs, serverOption, withClient, type Connection } from '../connect.ts';
import { printJson } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withBar, type Bar } from '../progress.ts';
import { count, formatTable, formatTime } from '../table.ts';

interface Options {
  readonly list?: true;
  readonly server?: string;
  readonly json?: true;
}

/** The command. */
export function mirrorCommand({ io }: CommandSetup): Command {
  return new Command('mirror')
    .description("Bring mirrors of other authorities' files up to date now. Exit 1 when one is not.")
    .argument('[name]', 'a mirror; none named = all', '')
    .option('--list', 'only show where they stand')
    .addOption(serverOption('export'))
    .option('--json', 'print the mirrors as JSON')
    .action(async (name: string, options: Options) => {
      const connection = { io, role: 'export', server: options.server, timeoutMs: longCallMs } as const;
      const mirrors =
        options.list === true
          ? await listMirrors(connection, name)
          : await withBar(io, 'mirroring', (bar) => runMirrors(connection, name, bar));
      if (options.json) printJson(io, { mirrors });
      else io.stdout.write(mirrors.length === 0 ? 'no mirror is configured\n' : mirrorTable(mirrors));
      const faulty = mirrors.filter(({ lastError }) => lastError !== '').length;
      if (faulty > 0 && options.list !== true) {
        const message = `${String(faulty)} of ${count(mirrors.length, 'mirror')} could not be brought up to date`;
        throw new AppError('unavailable', 'mirror_incomplete', message);
      }
    });
}

async function listMirrors(connection: Connection, name: string): Promise<readonly Mirror[]> {
  const { mirrors } = await withClient(MirrorServiceDefinition, connection, (client) => client.listMirrors({}));
  const chosen = mirrors.filter((mirror) => name === '' || mirror.name === name);
  if (name !== '' && chosen.length === 0) {
    throw new AppError('not_found', 'mirror_not_found', 'no mirror has this name');
  }
  return chosen;
}

/** Each as it ended, by name. */
async function runMirrors(connection: Connection, name: string, bar: Bar): Promise<readonly Mirror[]> {
  return await withClient(MirrorServiceDefinition, connection, async (client) => {
    const latest = new Map<string, Mirror>();
    for await (const { mirror } of client.runMirrors({ name }, { signal: bar.signal })) {
      if (mirror === undefined) continue;
      latest.set(mirror.name, mirror);
      const all = [...latest.values()];
      bar.update({
        done: all.reduce((sum, { mirroredFiles, failedFiles }) => sum + mirroredFiles + failedFiles, 0),
        total: all.reduce((sum, { listedFiles }) => sum + listedFiles, 0),
        detail: mirror.name,
      });
    }
    return [...latest.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

function mirrorTable(mirrors: readonly Mirror[]): string {
  return formatTable(
    [
      { heading: 'MIRROR' },
      { heading: 'LISTED', align: 'right' },
      { heading: 'MIRRORED', align: 'right' },
      { heading: 'COPIED', align: 'right' },
      { heading: 'DELETED', align: 'right' },
      { heading: 'FAILED', align: 'right' },
      { heading: 'READ' },
      { heading: 'LAST ERROR' },
    ],
    mirrors.map((mirror) => [
      mirror.name,
      String(mirror.listedFiles),
      String(mirror.mirroredFiles),
      String(mirror.copiedFiles),
      String(mirror.deletedFiles),
      String(mirror.failedFiles),
      formatTime(mirror.completedAt),
      mirror.lastError,
    ]),
  );
}
