/** Checks that hold over all files of an index: order, windows, and no key twice unless it was withdrawn. */
import type { DecodedKey } from '../../domain/export-file/decode.ts';
import { KEY_LENGTH, type KeyList } from '../../domain/export-file/format.ts';
import { reportTypeCodes } from '../../domain/publish/report-type.ts';
import { Faults } from './faults.ts';
import { KeyTable } from './key-table.ts';
import type { FileReport, VerifiedFile } from './verify.ts';

/** Files are added in the order of the index; each may then be forgotten. */
export class SeriesCheck {
  readonly #keys: Readonly<Record<KeyList, KeyTable>> = { keys: new KeyTable(), revisedKeys: new KeyTable() };
  /** Revised keys that were there before, and then again as revoked. */
  readonly #revokedKeys = new KeyTable();
  readonly #files: string[] = [];
  readonly #fileOfWindow = new Map<string, string>();
  /** The batch that began last: its files all start together, and its window ends where its first file does. */
  #batch: { start: number; end: number; file: string; isSplit: boolean } | undefined;

  /** The file's report with the faults that only its neighbours show. */
  add({ report, keys, revisedKeys }: VerifiedFile): FileReport {
    const faults = new Faults();
    this.#files.push(report.file);
    if (report.summary !== null) this.#checkWindow(report.file, report.summary, faults);
    this.#checkKeys('keys', keys, faults);
    this.#checkKeys('revisedKeys', revisedKeys, faults);
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

  #checkKeys(list: KeyList, keys: Iterable<DecodedKey>, faults: Faults): void {
    const file = this.#files.length - 1;
    let place = 0;
    for (const key of keys) {
      place += 1;
      if (key.key.length !== KEY_LENGTH) continue;
      const owner = this.#claim(list, key);
      if (owner === file) continue;
      const noun = list === 'keys' ? 'key' : 'revised key';
      faults.add(`${noun} ${String(place)}: stands in ${this.#files[owner] ?? ''} too`);
    }
  }

  /** Whose the key is. One that was revised and later withdrawn goes out once more, as revoked (decisions, Withdrawal). */
  #claim(list: KeyList, { key, reportType }: DecodedKey): number {
    const file = this.#files.length - 1;
    const owner = this.#keys[list].claim(key, file);
    const mayBeWithdrawn = list === 'revisedKeys' && owner !== file && reportType === reportTypeCodes.negative;
    return mayBeWithdrawn ? this.#revokedKeys.claim(key, file) : owner;
  }
}

/** In a split batch the deployed server counts the seconds from 1: no file says where the batch ends (reference 1.2). */
function endOf(batch: { readonly end: number; readonly isSplit: boolean }): number {
  return batch.isSplit ? batch.end - 1 : batch.end;
}
