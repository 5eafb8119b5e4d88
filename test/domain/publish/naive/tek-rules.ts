/** The rules for keys, written a second time straight from reference 4, in exact integers. */

/** A key whose base64 is already decoded. */
export interface NaiveSentKey {
  readonly bytes: Buffer;
  readonly start: bigint;
  readonly period: bigint;
  readonly risk: bigint;
}

/** A request and the installation that it meets; times in Unix seconds. */
export interface NaiveRequest {
  readonly now: bigint;
  readonly window: bigint;
  readonly maxAge: bigint;
  readonly releaseSameDay: boolean;
  readonly keys: readonly NaiveSentKey[];
  /** Undefined = the app needs no certificate and has none. */
  readonly reportType: string | undefined;
  readonly requestOnset: bigint;
  readonly claimOnset: bigint;
}

/** What becomes of it. */
export interface NaiveResult {
  readonly refusal: string | undefined;
  readonly warnings: readonly string[];
  readonly faults: readonly string[];
  /** In the request's order: index, risk, days since onset, first second in which it may be published. */
  readonly kept: readonly (readonly [index: number, risk: bigint, days: bigint, createdAt: bigint])[];
  readonly missingOnset: boolean;
}

interface Sound extends NaiveSentKey {
  readonly index: number;
  readonly end: bigint;
  readonly days: bigint;
}

const yearOne = 62_135_596_800n;

/** All of reference 4.1–4.8, with the key numbers of the request and no wrapping (decisions 4 and 11). */
export function naiveTransform(request: NaiveRequest): NaiveResult {
  const { now, keys } = request;
  const cur = floorDiv(now, 600n);
  const minStart = floorDiv(now - request.maxAge, 600n);
  const { onset, missingOnset } = chooseOnset(request, cur);
  const nothing = { warnings: [], faults: [], kept: [], missingOnset };
  if (keys.length === 0) return { ...nothing, refusal: 'no exposure keys in publish request' };
  if (keys.length > 30) {
    return { ...nothing, refusal: `too many exposure keys in publish: ${String(keys.length)}, max of 30 is allowed` };
  }
  const warnings: string[] = [];
  const faults: string[] = [];
  const sound: Sound[] = [];
  keys.forEach((key, index) => {
    const fault = faultOf(key, cur, minStart);
    if (fault !== undefined) {
      faults.push(`key ${String(index)} cannot be imported: ${fault}`);
      return;
    }
    const days = floorDiv(key.start, 144n) - floorDiv(onset, 144n);
    const away = days < 0n ? -days : days;
    if (away > 14n) {
      warnings.push(`key ${String(index)} symptom onset is too large, ${String(away)} > 14 - saving without this key`);
      return;
    }
    sound.push({ ...key, index, end: key.start + key.period, days });
  });
  if (sound.length === 0 && faults.length > 0) return { ...nothing, warnings, refusal: errors(faults) };
  const overlap = overlapOf(sound);
  if (overlap !== undefined) return { ...nothing, warnings, refusal: overlap };
  const kept = sound.filter((key) => isLastOfItsBytes(key, sound)).map((key) => store(key, request, cur));
  return { refusal: undefined, warnings, faults, kept, missingOnset };
}

function faultOf({ bytes, start, period, risk }: NaiveSentKey, cur: bigint, minStart: bigint): string | undefined {
  if (bytes.length !== 16) return `invalid key length, ${String(bytes.length)}, must be 16`;
  if (period < 1n || period > 144n) return `invalid interval count, ${String(period)}, must be >= 1 && <= 144`;
  const end = start + period;
  if (end < minStart) {
    const sum = `${String(start)} + ${String(period)} = ${String(end)}`;
    return `key expires before minimum window; ${sum} which is too old, must be >= ${String(minStart)}`;
  }
  if (start > cur) return `interval number ${String(start)} is in the future, must be <= ${String(cur)}`;
  if (risk < 0n || risk > 8n) return `invalid transmission risk: ${String(risk)}, must be >= 0 && <= 8`;
  return undefined;
}

function chooseOnset({ now, reportType, requestOnset, claimOnset }: NaiveRequest, cur: bigint) {
  const minSymptom = floorDiv(now - 28n * 86_400n, 86_400n) * 144n;
  const counts = (value: bigint): boolean => minSymptom <= value && value < cur;
  if (counts(requestOnset)) return { onset: requestOnset, missingOnset: false };
  if (reportType !== undefined && counts(claimOnset)) return { onset: claimOnset, missingOnset: false };
  return { onset: floorDiv(now - 4n * 86_400n, 600n), missingOnset: true };
}

/** Every pair of keys is looked at; the text names the first in order of start, then period. */
function overlapOf(keys: readonly Sound[]): string | undefined {
  const starts = [...new Set(keys.map(({ start }) => start))].sort((a, b) => (a < b ? -1 : 1));
  const endOf = (start: bigint): bigint =>
    keys.reduce((latest, key) => (key.start === start && key.end > latest ? key.end : latest), start);
  for (const [index, start] of starts.entries()) {
    const previous = starts[index - 1];
    if (previous === undefined || start >= endOf(previous)) continue;
    const good = `good from ${String(previous)} to ${String(endOf(previous))}`;
    return `exposure keys have non aligned overlapping intervals. ${String(start)} overlaps with previous key that is ${good}.`;
  }
  for (const start of starts) {
    const count = keys.filter((key) => key.start === start).length;
    if (count > 3) {
      return `too many overlapping keys for start interval: ${String(start)} want: <= 3, got: ${String(count)}`;
    }
  }
  return undefined;
}

/** Of equal keys the last one in order of start, then period, then place in the request. */
function isLastOfItsBytes(key: Sound, keys: readonly Sound[]): boolean {
  return !keys.some((other) => {
    if (other.index === key.index || !other.bytes.equals(key.bytes)) return false;
    if (other.start !== key.start) return other.start > key.start;
    if (other.period !== key.period) return other.period > key.period;
    return other.index > key.index;
  });
}

function store(key: Sound, request: NaiveRequest, cur: bigint): NaiveResult['kept'][number] {
  const { now, window, releaseSameDay, reportType } = request;
  const backfill = { confirmed: 2n, likely: 4n, negative: 6n }[reportType ?? ''] ?? 0n;
  const isValid = key.end > cur && !releaseSameDay;
  const createdAt = isValid ? truncate(key.end * 600n + window, window) : truncate(now, window);
  return [key.index, key.risk === 0n ? backfill : key.risk, key.days, createdAt];
}

/** Rounds down to a multiple of `d`, counted from 0001-01-01T00:00:00Z. */
function truncate(time: bigint, d: bigint): bigint {
  return d <= 0n ? time : floorDiv(time + yearOne, d) * d - yearOne;
}

function errors(faults: readonly string[]): string {
  const head = faults.length === 1 ? '1 error occurred:' : `${String(faults.length)} errors occurred:`;
  return [head, ...faults.map((fault) => `\t* ${fault}`), '', ''].join('\n');
}

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return quotient * b > a ? quotient - 1n : quotient;
}
