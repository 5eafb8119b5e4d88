/** Imports as text. */
import type { Import } from '../gen/enmesh/federation/v1/import.ts';
import { count, formatTable, formatTime } from './table.ts';

/** True when an index or a file of it could not be taken in. */
export function hasFailed({ indexError, failedFiles, problems }: Import): boolean {
  return indexError !== '' || failedFiles > 0 || problems.some(({ retryAt }) => retryAt !== undefined);
}

/** A line an import. */
export function importTable(imports: readonly Import[]): string {
  return formatTable(
    [
      { heading: 'IMPORT' },
      { heading: 'FILES', align: 'right' },
      { heading: 'IMPORTED', align: 'right' },
      { heading: 'WAITING', align: 'right' },
      { heading: 'FAILED', align: 'right' },
      { heading: 'KEYS', align: 'right' },
      { heading: 'REVISED', align: 'right' },
      { heading: 'QUARANTINE', align: 'right' },
      { heading: 'INDEX READ' },
    ],
    imports.map((state) => [
      state.name,
      String(state.listedFiles),
      String(state.importedFiles),
      String(state.waitingFiles),
      String(state.failedFiles),
      String(state.insertedKeys),
      String(state.revisedKeys),
      String(state.quarantinedKeys),
      formatTime(state.indexReadAt),
    ]),
  );
}

/** A line for each index that was not read, file that was not imported, and reason for which keys were refused. */
export function describeProblems(imports: readonly Import[]): string {
  return imports
    .flatMap(({ name, indexError, problems, quarantine }) => [
      ...(indexError === '' ? [] : [`${name}: index: ${indexError}`]),
      ...problems.map(({ name: file, attempts, retryAt, error }) => {
        const next = retryAt === undefined ? 'given up' : `next try at ${formatTime(retryAt)}`;
        return `${name}: ${file}: ${error} (${count(attempts, 'try', 'tries')}, ${next})`;
      }),
      ...quarantine.map(({ reason, keys }) => `${name}: ${count(keys, 'key')} in quarantine: ${reason}`),
    ])
    .map((line) => `${line}\n`)
    .join('');
}
