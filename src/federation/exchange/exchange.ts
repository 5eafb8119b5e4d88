/** An exchange in hand: what those that drive one direction are given, and what they tell. */
import type { ExchangeHolder, LeasedExchange } from '../../storage/partners/partner-exchanges.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import type { Patience } from './in-time.ts';
import type { ExchangeKeeper } from './keeper.ts';

/** One run of one direction. */
export interface Exchange extends Patience {
  /** As it was when the run began; the run ends when it changes. */
  readonly partner: KnownPartner;
  readonly holder: ExchangeHolder;
  readonly leased: LeasedExchange;
  readonly keeper: ExchangeKeeper;
}

/** A step that is durable. */
export interface Step {
  /** Keys that crossed. */
  readonly keys: number;
  /** Of these, keys that changed something: a run without any has not come further. */
  readonly fresh: number;
}
