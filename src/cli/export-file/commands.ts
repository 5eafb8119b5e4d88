/** `enmesh export verify` and `enmesh export show`: they work on files alone, without an installation. */
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { largestZipBytes } from '../../domain/export-file/format.ts';
import { printJson, type Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withBar, type Bar } from '../progress.ts';
import { loadPublicKeys } from './public-keys.ts';
import { formatReport, formatTotal } from './report.ts';
import { jsonParts, openShownFile, textParts, type ShownFile } from './show.ts';
import { readSource } from './source.ts';
import { verifyLocations } from './verify-locations.ts';
import type { FileReport } from './verify.ts';

interface VerifySettings {
  readonly publicKey: readonly string[];
  readonly base?: string;
  readonly json?: true;
}

/** Verifies zips and indexes; ends with 1 when any file has a fault. */
export function verifyCommand(setup: CommandSetup): Command {
  return new Command('verify')
    .description(
      'Verify export files: structure, order, duplicates, signatures, times. The files of an index are also checked ' +
        'against each other: order, windows that overlap or are alike, keys in two files. Exit 1 on any fault.',
    )
    .argument('<file...>', 'paths or URLs of zips, or of an index.txt with all that it lists')
    .requiredOption(
      '--public-key <[ID/VERSION=]path>',
      'PEM file, or keys.json of an export; path or URL; may be given again',
      (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
    )
    .option(
      '--base <url>',
      'what stands before the lines of an index (default: the index URL without index.txt and the filename root)',
    )
    .option('--json', 'print JSON')
    .action(async (locations: string[], settings: VerifySettings) => {
      const reports = await verify(locations, settings, setup.io);
      if (settings.json === true) printJson(setup.io, { files: reports });
      else setup.io.stdout.write(formatTotal(reports));
      if (reports.some(({ faults }) => faults.length > 0)) setup.exitWith(1);
    });
}

async function verify(locations: readonly string[], settings: VerifySettings, io: Io): Promise<FileReport[]> {
  return await withBar(io, 'verifying', async ({ signal, update, print }) => {
    const publicKeys = [];
    for (const option of settings.publicKey) publicKeys.push(...(await loadPublicKeys(option, signal)));
    const reports: FileReport[] = [];
    const options = { publicKeys, base: settings.base, signal, onStep: update };
    for await (const report of verifyLocations(locations, options)) {
      reports.push(report);
      if (settings.json !== true) print(formatReport(report));
    }
    return reports;
  });
}

/** Prints what is in a zip. */
export function showCommand({ io }: CommandSetup): Command {
  return new Command('show')
    .description('Show the content of an export file.')
    .argument('<file>', 'path or URL of a zip')
    .option('--json', 'print JSON')
    .action(async (location: string, settings: { readonly json?: true }) => {
      const file = await withBar(io, 'reading', ({ signal, update }) => readFile(location, signal, update));
      for (const text of settings.json === true ? jsonParts(file) : textParts(file)) io.stdout.write(text);
    });
}

async function readFile(location: string, signal: AbortSignal, update: Bar['update']): Promise<ShownFile> {
  const onBytes = (done: number, total: number | undefined): void => {
    update({ done, total, unit: 'bytes' });
  };
  const zip = await readSource(location, { maxBytes: largestZipBytes, signal, onBytes });
  try {
    return await openShownFile(zip);
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'invalid') throw error;
    throw new AppError('invalid', error.code, `${location}: ${error.message}`, { cause: error });
  }
}
