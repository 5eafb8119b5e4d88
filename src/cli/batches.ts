/** Batches and their files as text. */
import { BatchStatus, type Batch } from '../gen/enmesh/export/v1/export.ts';
import { count, formatBytes, formatTable, formatTime } from './table.ts';

const statusWords: Readonly<Record<number, string>> = {
  [BatchStatus.OPEN]: 'open',
  [BatchStatus.PENDING]: 'pending',
  [BatchStatus.COMPLETE]: 'complete',
  [BatchStatus.DELETED]: 'deleted',
};

/** A word for where a batch stands. */
function batchStatus(batch: Batch): string {
  return statusWords[batch.status] ?? 'unknown';
}

/** True when the last try failed and no later one has succeeded. */
export function hasFailed(batch: Batch): boolean {
  return batch.lastError !== '' && batch.status !== BatchStatus.COMPLETE && batch.status !== BatchStatus.DELETED;
}

/** One line for the batch, one more for each file, and one for its error. */
export function describeBatch(batch: Batch): string {
  const window = `${formatTime(batch.start)} – ${formatTime(batch.end)}`;
  const lines = [`batch ${String(batch.id)}  ${batch.exportName}  ${window}  ${batchStatus(batch)}`];
  for (const file of batch.files) {
    const revised = file.revisedKeys === 0 ? '' : `, ${String(file.revisedKeys)} revised`;
    lines.push(`  ${file.name}  ${count(file.keys, 'key')}${revised}, ${formatBytes(file.size)}`);
  }
  if (hasFailed(batch)) {
    lines.push(`  failed after ${count(batch.attempts, 'try', 'tries')}: ${batch.lastError}`);
    if (batch.notBefore !== undefined) lines.push(`  next try at ${formatTime(batch.notBefore)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A line a batch. */
export function batchTable(batches: readonly Batch[]): string {
  return formatTable(
    [
      { heading: 'BATCH', align: 'right' },
      { heading: 'EXPORT' },
      { heading: 'START' },
      { heading: 'END' },
      { heading: 'STATUS' },
      { heading: 'TRIES', align: 'right' },
      { heading: 'KEYS', align: 'right' },
      { heading: 'FILES' },
      { heading: 'NEXT TRY' },
      { heading: 'LAST ERROR' },
    ],
    batches.map((batch) => [
      String(batch.id),
      batch.exportName,
      formatTime(batch.start),
      formatTime(batch.end),
      batchStatus(batch),
      String(batch.attempts),
      String(batch.files.reduce((sum, file) => sum + file.keys + file.revisedKeys, 0)),
      batch.files.map((file) => file.name).join(' '),
      hasFailed(batch) ? formatTime(batch.notBefore) : '',
      batch.lastError,
    ]),
  );
}

/** A batch for programs. */
export function batchJson(batch: Batch): unknown {
  return { ...batch, status: batchStatus(batch) };
}
