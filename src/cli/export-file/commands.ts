/** `enmesh export verify` and `enmesh export show`: they work on files alone, without an installation. */
import { Command } from 'commander';
import { largestZipBytes } from '../../domain/export-file/format.ts';
import { printJson, type Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { loadPublicKeys } from './public-keys.ts';
import { readExportFile } from './read.ts';
import { formatReport, formatTotal } from './report.ts';
import { toJson, toText } from './show.ts';
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
    .description('Verify export files: structure, order, duplicates, signatures, times.')
    .argument('<file...>', 'paths or URLs of zips, or of an index.txt with all that it lists')
    .requiredOption(
      '--public-key <[ID/VERSION=]path>',
      'PEM file, or keys.json of an export; path or URL; may be given again',
      (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
    )
    .option(
      '--base <url>',
      'what stands before the lines of an index (default: the index URL without its last two parts)',
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
  const signal = io.signal;
  const publicKeys = [];
  for (const option of settings.publicKey) publicKeys.push(...(await loadPublicKeys(option, signal)));
  const reports: FileReport[] = [];
  for await (const report of verifyLocations(locations, { publicKeys, base: settings.base, signal })) {
    reports.push(report);
    if (settings.json !== true) io.stdout.write(formatReport(report));
  }
  return reports;
}

/** Prints what is in a zip. */
export function showCommand({ io }: CommandSetup): Command {
  return new Command('show')
    .description('Show the content of an export file.')
    .argument('<file>', 'path or URL of a zip')
    .option('--json', 'print JSON')
    .action(async (location: string, settings: { readonly json?: true }) => {
      const file = await readExportFile(await readSource(location, largestZipBytes, io.signal));
      if (settings.json === true) printJson(io, toJson(file));
      else io.stdout.write(toText(file));
    });
}
