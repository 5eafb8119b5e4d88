/** `enmesh apply`: makes the configuration be what a file says, and tells what that changes. */
import { Command } from 'commander';
import { withoutNulls } from '../../domain/configuration/without-nulls.ts';
import {
  AdminServiceDefinition,
  ChangeAction,
  type ApplyResponse,
  type Change,
  type FieldChange,
  type PlanResponse,
} from '../../gen/enmesh/admin/v1/admin.ts';
import { readValues } from '../../platform/config/load.ts';
import { readConfigurationFile } from '../configuration-file.ts';
import { serverOption, withClient } from '../connect.ts';
import { printJson, processIo, type Io } from '../io.ts';
import { count } from '../table.ts';

interface Options {
  readonly file: string;
  readonly dryRun?: true;
  readonly prune?: true;
  readonly json?: true;
  readonly server?: string;
}

/** Where `enmesh dev` keeps its data when nothing else is said. */
const defaultDataDir = '.enmesh';
/** Longer values, such as keys, are cut in the plan; `--json` has them whole. */
const mostShown = 100;

const words: Readonly<Record<number, { readonly sign: string; readonly word: string }>> = {
  [ChangeAction.CREATE]: { sign: '+', word: 'create' },
  [ChangeAction.UPDATE]: { sign: '~', word: 'update' },
  [ChangeAction.DELETE]: { sign: '-', word: 'delete' },
};

/** The command. */
export function applyCommand({ io }: { readonly io: Io } = { io: processIo() }): Command {
  return new Command('apply')
    .description('Make the configuration be what a file says. What the file does not name is left alone.')
    .requiredOption('-f, --file <file>', 'configuration file (YAML)')
    .option('--dry-run', 'print what would change, and change nothing')
    .option('--prune', 'also delete what the file does not name')
    .option('--json', 'print the changes and warnings as JSON')
    .addOption(serverOption('server'))
    .action(async (options: Options) => {
      const dryRun = options.dryRun === true;
      const { changes, warnings } = await applyFile(io, options);
      if (options.json) printJson(io, { dryRun, changes: changes.map(changeJson), warnings });
      else io.stdout.write(planText(changes, dryRun) + warningText(warnings));
    });
}

async function applyFile(io: Io, { file, dryRun, prune, server }: Options): Promise<PlanResponse | ApplyResponse> {
  const { ENMESH_DATA_DIR: dataDir = defaultDataDir } = await readValues(io.env, false);
  const configuration = withoutNulls(await readConfigurationFile(file, { env: io.env, dataDir }));
  const request = { configuration, prune: prune === true };
  const connection = { io, role: 'server', server } as const;
  return await withClient(AdminServiceDefinition, connection, (client) =>
    dryRun ? client.plan(request) : client.apply(request),
  );
}

/** A line a change, and for an update a line a field. */
function planText(changes: readonly Change[], dryRun: boolean): string {
  if (changes.length === 0) return 'nothing to change\n';
  const lines = changes.flatMap(changeLines);
  lines.push(`${count(changes.length, 'change')} ${dryRun ? 'would be made' : 'made'}`);
  return lines.map((line) => `${line}\n`).join('');
}

function warningText(warnings: readonly string[]): string {
  return warnings.map((line) => `warning: ${line}\n`).join('');
}

function changeLines({ action, list, name, fields }: Change): string[] {
  const line = `${words[action]?.sign ?? '?'} ${list} ${name}`;
  if (action !== ChangeAction.UPDATE) return [line];
  return fields.map(({ path, before, after }) => `${line} ${path}: ${shown(before)} → ${shown(after)}`);
}

function shown(json: string): string {
  if (json === '') return '(none)';
  return json.length <= mostShown ? json : `${json.slice(0, mostShown)}…`;
}

function changeJson({ action, list, name, fields }: Change): object {
  return { action: words[action]?.word, list, name, fields: fields.map(fieldJson) };
}

function fieldJson({ path, before, after }: FieldChange): object {
  return { path, before: fromJson(before), after: fromJson(after) };
}

function fromJson(text: string): unknown {
  return text === '' ? null : (JSON.parse(text) as unknown);
}
