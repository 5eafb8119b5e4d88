/** Authorities of one network, which share nothing but the time, and what each of them has. */
import { ManualClock } from '../../src/platform/clock.ts';
import { TestCa } from '../platform/grpc/certificates.ts';
import type { PublishedFile, PublishedKey } from '../support/published-file.ts';
import { Authority, type AuthorityOptions } from './authority.ts';

const hourMs = 3_600_000;

/** Several authorities in one process. */
export class Network implements AsyncDisposable {
  readonly authorities: readonly Authority[];
  readonly clock: ManualClock;
  readonly #closing: AsyncDisposableStack;

  private constructor(authorities: readonly Authority[], clock: ManualClock, closing: AsyncDisposableStack) {
    this.authorities = authorities;
    this.clock = clock;
    this.#closing = closing;
  }

  /** Opens what they need; {@link start} starts them. */
  static async open(names: readonly string[], options: Omit<AuthorityOptions, 'name'> = {}): Promise<Network> {
    await using closing = new AsyncDisposableStack();
    const clock = new ManualClock(new Date('2026-03-10T10:11:00Z'));
    const world = { clock, ca: new TestCa('network') };
    const authorities: Authority[] = [];
    for (const name of names) authorities.push(closing.use(await Authority.open(world, { ...options, name })));
    return new Network(authorities, clock, closing.move());
  }

  /** Starts all of them. @param partners of each, in their order */
  async start(partners: (authorities: readonly Authority[]) => readonly (readonly object[])[]): Promise<void> {
    const all = partners(this.authorities);
    await Promise.all(this.authorities.map(async (authority, index) => await authority.start(all[index])));
    // An export begins with the window that ended last when it was first planned.
    await Promise.all(this.authorities.map(async (authority) => await authority.export()));
  }

  /** An hour passes: what was written so far can be read. */
  closeWindow(): void {
    this.clock.advance(hourMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync();
  }
}

/** A stored key with all that must survive a border, and the way that it came. */
export interface StoredKey {
  readonly key: string;
  readonly provenance: readonly string[] | null;
  readonly [column: string]: unknown;
}

/** Every key that the authority stores, in order. */
export async function everythingOf({ database }: Authority): Promise<readonly StoredKey[]> {
  const { rows } = await database.query<StoredKey>(
    `select encode(key, 'hex') as key, interval_start, interval_count, transmission_risk, report_type, days_since_onset,
            traveler, regions, revised_at is not null as is_revised, revised_report_type, revised_transmission_risk,
            revised_days_since_onset, revised_traveler, provenance
       from exposures order by key`,
  );
  return rows;
}

/** Keys of published files by their bytes; a key that is twice in one list is a fault. */
export function byKey(files: readonly PublishedFile[], isRevised = false): ReadonlyMap<string, PublishedKey> {
  const keys = files.flatMap((file) => (isRevised ? file.revisedKeys : file.keys));
  const map = new Map(keys.map((key) => [key.key, key]));
  if (map.size !== keys.length) throw new Error('a key was exported twice');
  return map;
}
