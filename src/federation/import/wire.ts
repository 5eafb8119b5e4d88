/** Between the messages of imports and what they mean. */
import { unknownKey } from '../../domain/import/refusal.ts';
import type * as proto from '../../gen/enmesh/federation/v1/import.ts';
import type { ImportState } from '../../storage/imports/imports.ts';

/** For an answer. */
export function toImportMessage(state: ImportState): proto.Import {
  const { [unknownKey]: waiting = 0, ...quarantine } = state.quarantine;
  const reasons = Object.entries(quarantine);
  return {
    name: state.name,
    listedFiles: state.listedFiles,
    importedFiles: state.importedFiles,
    waitingFiles: state.waitingFiles,
    failedFiles: state.failedFiles,
    insertedKeys: BigInt(state.insertedKeys),
    revisedKeys: BigInt(state.revisedKeys),
    quarantinedKeys: BigInt(reasons.reduce((total, [, keys]) => total + keys, 0)),
    waitingRevisions: BigInt(waiting),
    indexReadAt: state.indexReadAt ?? undefined,
    indexError: state.indexError ?? '',
    problems: state.problems.map(({ name, attempts, retryAt, error }) => ({
      name,
      attempts,
      retryAt: retryAt ?? undefined,
      error,
    })),
    quarantine: reasons.map(([reason, keys]) => ({ reason, keys: BigInt(keys) })),
  };
}
