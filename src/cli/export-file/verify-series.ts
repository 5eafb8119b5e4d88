/** Checks that hold over all files of an index: order, windows, and no key twice. */
import type { DecodedKey } from '../../domain/export-file/decode.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { Faults } from './faults.ts';
import type { FileReport, VerifiedFile } from './verify.ts';

/** Files are added in the order of the index; each may then be forgotten. */
export class SeriesCheck {
  readonly #fileOfKey: Record<KeyList, Map<string, string>> = { keys: new Map(), revisedKeys: new Map() };
  readonly #fileOfWindow = new Map<string, string>();
  /** The batch that began last: its files all start together, and its window ends where its first file does. */
  #batch: { start: number; end: number; file: string; isSplit: boolean } | undefined;

  /** The file's report with the faults that only its neighbours show. */
  add({ report, keys, revisedKeys }: VerifiedFile): FileReport {
    const faults = new Faults();
    if (report.summary !== null) this.#checkWindow(report.file, report.summary, faults);
    this.#checkKeys('keys', { file: report.file, keys }, faults);
    this.#checkKeys('revisedKeys', { file: report.file, keys: revisedKeys }, faults);
    return { ...report, faults: [...report.faults, ...faults.list()] };
  }

  #checkWindow(file: string, { start, end }: { start: number; end: number }, faults: Faults): void {
    const window = `${String(start)}-${String(end)}`;
    const twin = this.#fileOfWindow.get(window);
    if (twin !== undefined) faults.add(`has the same window as ${twin}`);
    else this.#fileOfWindow.set(window, file);
    const batch = this.#batch;
    if (batch !== undefined && start < batch.start) faults.add(`is older than ${batch.file}, which precedes it`);
    else if (batch !== undefined && start === batch.start) {
      this.#batch = { ...batch, end: Math.min(batch.end, end), isSplit: true };
    } else {
      if (batch !== undefined && start < endOf(batch)) faults.add(`its window overlaps that of ${batch.file}`);
      this.#batch = { start, end, file, isSplit: false };
    }
  }

  #checkKeys(list: KeyList, { file, keys }: { file: string; keys: readonly DecodedKey[] }, faults: Faults): void {
    const fileOfKey = this.#fileOfKey[list];
    for (const [index, { key }] of keys.entries()) {
      const text = key.toString('latin1');
      const other = fileOfKey.get(text);
      if (other === undefined) fileOfKey.set(text, file);
      else if (other !== file) {
        faults.add(`${list === 'keys' ? 'key' : 'revised key'} ${String(index + 1)}: stands in ${other} too`);
      }
    }
  }
}

/** In a split batch the deployed server counts the seconds from 1: no file says where the batch ends (reference 1.2). */
function endOf(batch: { readonly end: number; readonly isSplit: boolean }): number {
  return batch.isSplit ? batch.end - 1 : batch.end;
}
