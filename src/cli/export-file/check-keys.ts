/** The rules for the keys of one list of a file. */
import type { DecodedKey } from '../../domain/export-file/decode.ts';
import { intervalSeconds, KEY_LENGTH, maxRollingPeriod, type KeyList } from '../../domain/export-file/format.ts';
import type { Faults } from './faults.ts';

const maxRisk = 8;
const maxReportType = 5;
/** Days of onset either way (reference 9, export-analyzer). */
const maxOnsetDays = 14;
/** Oldest start before the window: 14 days of keys and the day around them; a revision may come as late again. */
const maxAgeSeconds: Readonly<Record<KeyList, number>> = { keys: 16 * 86_400, revisedKeys: 32 * 86_400 };

/** The file's window, Unix seconds; null = unknown. */
export interface Window {
  readonly start: number | null;
  readonly end: number | null;
}

/** Checks each key by itself and the order of the list; faults name the list and the key's place, from 1. */
export class ListCheck {
  readonly #list: KeyList;
  readonly #faults: Faults;
  #count = 0;
  #last: Buffer | undefined;

  constructor(list: KeyList, faults: Faults) {
    this.#list = list;
    this.#faults = faults;
  }

  /** Keys so far. */
  get count(): number {
    return this.#count;
  }

  /** Takes the key that comes next. */
  add(key: DecodedKey, window: Window): void {
    this.#count += 1;
    for (const fault of keyFaults(key)) this.#tell(fault);
    const timeFault = startFault(this.#list, key, window);
    if (timeFault !== null) this.#tell(timeFault);
    const order = this.#last === undefined ? -1 : Buffer.compare(this.#last, key.key);
    if (order === 0) this.#tell('is there twice');
    if (order > 0) this.#tell('is not above the one before it: the list is not sorted');
    this.#last = key.key;
  }

  #tell(fault: string): void {
    this.#faults.add(`${this.#list === 'keys' ? 'key' : 'revised key'} ${String(this.#count)}: ${fault}`);
  }
}

function* keyFaults(key: DecodedKey): Generator<string> {
  if (key.key.length !== KEY_LENGTH) yield `has ${String(key.key.length)} bytes instead of ${String(KEY_LENGTH)}`;
  if (!isWithin(key.rollingPeriod, 1, maxRollingPeriod)) {
    yield `rolling period ${String(key.rollingPeriod)} is not in 1..${String(maxRollingPeriod)}`;
  }
  if (!isWithin(key.transmissionRisk ?? 0, 0, maxRisk)) {
    yield `transmission risk ${String(key.transmissionRisk)} is not in 0..${String(maxRisk)}`;
  }
  if (!isWithin(key.reportType, 0, maxReportType)) yield `report type ${String(key.reportType)} does not exist`;
  if (!isWithin(key.daysSinceOnset ?? 0, -maxOnsetDays, maxOnsetDays)) {
    yield `days since onset ${String(key.daysSinceOnset)} are not in ${String(-maxOnsetDays)}..${String(maxOnsetDays)}`;
  }
}

function startFault(list: KeyList, key: DecodedKey, window: Window): string | null {
  const start = key.rollingStart * intervalSeconds;
  if (key.rollingStart <= 0) return 'has no start';
  if (window.end !== null && start >= window.end) return 'starts after the end of the file';
  if (window.start !== null && start < window.start - maxAgeSeconds[list]) return 'starts too long before the file';
  return null;
}

function isWithin(value: number, min: number, max: number): boolean {
  return value >= min && value <= max;
}
