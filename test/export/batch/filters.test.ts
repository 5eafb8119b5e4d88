/** Which keys an export holds: against filters written down once more, over random keys and exports. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  insertExport,
  insertKeys,
  keysIn,
  openExportRole,
  readPublishedFiles,
  runAll,
  WINDOW_START,
  type ExportOptions,
} from '../../support/export-role.ts';

const codes = ['AA', 'BB', 'CC', 'DD'];
const someCodes = fc.uniqueArray(fc.constantFrom(...codes), { minLength: 1, maxLength: 3 });
/** As an operator may write them: in any case, some twice. */
const written = fc.array(
  fc.tuple(fc.constantFrom(...codes), fc.boolean()).map(([code, isLower]) => (isLower ? code.toLowerCase() : code)),
  { maxLength: 4 },
);
const before = new Date('2020-12-09T00:00:00Z');

const storedKeys = fc.record({
  regions: someCodes,
  traveler: fc.boolean(),
  revision: fc.option(fc.record({ regions: fc.option(someCodes), traveler: fc.option(fc.boolean()) })),
  isOld: fc.boolean(),
  isWithdrawn: fc.boolean(),
});
const wantedExport = fc.record({
  inputRegions: written,
  excludeRegions: written,
  includeTravelers: fc.boolean(),
  onlyNonTravelers: fc.boolean(),
});

type StoredKeys = typeof storedKeys extends fc.Arbitrary<infer Value> ? Value : never;
type WantedExport = typeof wantedExport extends fc.Arbitrary<infer Value> ? Value : never;

function isWanted(wanted: WantedExport, regions: readonly string[], traveler: boolean): boolean {
  const upper = (list: readonly string[]): string[] => list.map((code) => code.toUpperCase());
  const inputs = wanted.inputRegions.length === 0 ? ['AA'] : upper(wanted.inputRegions);
  if (wanted.onlyNonTravelers && traveler) return false;
  for (const code of regions) if (upper(wanted.excludeRegions).includes(code)) return false;
  if (wanted.includeTravelers && traveler) return true;
  for (const code of regions) if (inputs.includes(code)) return true;
  return false;
}

describe('Export decision 1: the filters of an export', () => {
  it('hold for any number of regions in and out, travelers, duplicates and either case, in both lists', async () => {
    const scene = fc.tuple(
      fc.array(storedKeys, { minLength: 4, maxLength: 14 }),
      fc.array(wantedExport, { minLength: 3, maxLength: 6 }),
    );
    await fc.assert(
      fc.asyncProperty(scene, async ([stored, wanted]) => {
        await using role = await openExportRole();
        const made = [];
        for (const key of stored) made.push({ ...key, name: await insertOne(role.deps.database, key) });
        for (const [index, each] of wanted.entries()) {
          await insertExport(role, { name: `e${String(index)}`, ...each } satisfies ExportOptions);
        }
        await runAll(role);
        for (const [index, each] of wanted.entries()) {
          const files = await readPublishedFiles(role, `e${String(index)}`);
          const primary = made.filter((key) => !key.isOld && isWanted(each, key.regions, key.traveler));
          const revised = made.filter(
            ({ revision, regions, traveler, isWithdrawn }) =>
              (revision !== null || isWithdrawn) &&
              isWanted(each, revision?.regions ?? regions, revision?.traveler ?? traveler),
          );
          expect(keysIn(files)).toEqual(primary.map(({ name }) => name).toSorted());
          expect(keysIn(files, 'revisedKeys')).toEqual(revised.map(({ name }) => name).toSorted());
        }
      }),
      { numRuns: 6 },
    );
  }, 120_000);
});

async function insertOne(database: Parameters<typeof insertKeys>[0], key: StoredKeys): Promise<string> {
  const [name] = await insertKeys(database, {
    count: 1,
    createdAt: key.isOld ? before : WINDOW_START,
    regions: key.regions,
    traveler: key.traveler,
    ...(key.revision === null ? {} : { revisedAt: WINDOW_START }),
    ...(key.isWithdrawn ? { withdrawnAt: WINDOW_START } : {}),
    ...(key.revision?.regions ? { revisedRegions: key.revision.regions } : {}),
    ...(typeof key.revision?.traveler !== 'boolean' ? {} : { revisedTraveler: key.revision.traveler }),
  });
  return name!;
}
