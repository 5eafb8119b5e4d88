/** Partners as text, and for programs. */
import type { Exchange, Partner } from '../gen/enmesh/federation/v1/partners.ts';
import { cureOf } from './partner-cures.ts';
import { count, formatTable, formatTime } from './table.ts';

/** What we drive. */
export type Driven = 'pull' | 'push';

/** As in the configuration file: what they read, what we pull, what they push, what we push. */
type Direction = Driven | 'serve' | 'accept';

const directions: readonly Direction[] = ['pull', 'push', 'serve', 'accept'];

/** A word for where a direction stands. */
export type DirectionState = 'ok' | 'paused' | 'failing' | 'running' | 'never' | 'off';

/** True when the last run of that direction failed. */
export function hasFailed(partner: Partner, direction: Driven): boolean {
  return (partner[direction]?.errorCode ?? '') !== '';
}

/** A line for each partner and direction. */
export function partnerTable(partners: readonly Partner[], shown: readonly Direction[] = directions): string {
  return formatTable(
    [
      { heading: 'PARTNER' },
      { heading: 'DIRECTION' },
      { heading: 'STATE' },
      { heading: 'LAG', align: 'right' },
      { heading: 'WAITING', align: 'right' },
      { heading: 'KEYS', align: 'right' },
      { heading: 'REFUSED', align: 'right' },
      { heading: 'CAUGHT UP TO' },
      { heading: 'LAST' },
      { heading: 'NEXT' },
    ],
    partners.flatMap((partner) =>
      shown.map((direction) => [partner.name, direction, stateOf(partner, direction), ...cells(partner, direction)]),
    ),
  );
}

function cells(partner: Partner, direction: Direction): readonly string[] {
  if (direction === 'serve' || direction === 'accept') {
    return ['', '', '', '', '', formatTime(direction === 'serve' ? partner.readAt : partner.pushedAt), ''];
  }
  const exchange = partner[direction];
  if (exchange === undefined) return [];
  return [
    exchange.lagSeconds === undefined ? '-' : `${String(exchange.lagSeconds)} s`,
    String(exchange.lagKeys),
    String(exchange.keys),
    String(exchange.refusedKeys),
    formatTime(exchange.caughtUpThrough),
    formatTime(exchange.succeededAt),
    formatTime(exchange.retryAt),
  ];
}

function stateOf(partner: Partner, direction: Direction): DirectionState {
  if (isOff(partner, direction)) return 'off';
  if (partner.pausedAt !== undefined) return 'paused';
  if (direction === 'serve') return partner.readAt === undefined ? 'never' : 'ok';
  if (direction === 'accept') return partner.pushedAt === undefined ? 'never' : 'ok';
  return exchangeState(partner[direction]);
}

function isOff(partner: Partner, direction: Direction): boolean {
  if (direction === 'serve') return !partner.isServed;
  if (direction === 'accept') return !partner.isAccepted;
  return partner[direction] === undefined;
}

function exchangeState(exchange: Exchange | undefined): DirectionState {
  if (exchange === undefined) return 'off';
  if (exchange.isRunning) return 'running';
  if (exchange.errorCode !== '') return 'failing';
  return exchange.succeededAt === undefined ? 'never' : 'ok';
}

/** A line for each direction that fails, with what to do about it, and for each reason for which keys were refused. */
export function describeProblems(partners: readonly Partner[], shown: readonly Driven[] = ['pull', 'push']): string {
  return partners
    .flatMap((partner) => [
      ...shown.filter((direction) => hasFailed(partner, direction)).flatMap((direction) => failure(partner, direction)),
      ...partner.quarantine.map(
        ({ reason, keys }) => `${partner.name}: ${count(keys, 'key')} in quarantine: ${reason}`,
      ),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

function failure(partner: Partner, direction: Driven): readonly string[] {
  const exchange = partner[direction];
  if (exchange === undefined) return [];
  const { errorCode, error, failures, retryAt } = exchange;
  const next = retryAt === undefined ? 'tried again soon' : `next try at ${formatTime(retryAt)}`;
  const cure = cureOf(errorCode);
  return [
    `${partner.name}: ${direction}: ${error} (${errorCode}; ${count(failures, 'try', 'tries')}, ${next})`,
    ...(cure === undefined ? [] : [`  ${cure}`]),
  ];
}

/** A partner for programs: each direction with its state. */
export function partnerJson(partner: Partner): unknown {
  const { name, pausedAt, readAt, pushedAt, storedKeys, receivedKeysToday, quarantine } = partner;
  return {
    name,
    pausedAt,
    pull: { state: stateOf(partner, 'pull'), ...partner.pull },
    push: { state: stateOf(partner, 'push'), ...partner.push },
    serve: { state: stateOf(partner, 'serve'), readAt },
    accept: { state: stateOf(partner, 'accept'), pushedAt },
    storedKeys,
    receivedKeysToday,
    quarantine,
  };
}
