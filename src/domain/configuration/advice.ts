/** What is worth a warning in a configuration that is otherwise taken as it is. */
import { authorityId, type AuthorityId } from '../federation/authority-id.ts';
import type { Configuration, Export, Import, Partner } from './configuration.ts';
import type { Change } from './diff.ts';
import { fault, type Fault } from './faults.ts';
import { daySeconds, mostFilesADay } from './phone-limits.ts';

/** Fields that place an export's files. */
const placeFields: ReadonlySet<string> = new Set(['bucket', 'filenameRoot']);

/** What advice depends on beside the configuration. */
export interface Circumstances {
  readonly changes: readonly Change[];
  /** What our own ID tokens say, as far as it is known. */
  readonly self?: AuthorityId;
}

/** One line for each; no reason to refuse the configuration. */
export function advice(wanted: Configuration, { changes, self }: Circumstances): Fault[] {
  return [
    ...crowdedRegions(wanted.exports),
    ...withoutRegions(wanted.exports),
    ...moves(wanted.exports, changes),
    ...ourselves(wanted.partners, self),
    ...unverifiable(wanted.imports),
  ];
}

/** Whatever passed through it would come from ourselves, and so be refused. */
function ourselves(partners: readonly Partner[], self: AuthorityId | undefined): Fault[] {
  return partners.flatMap(({ identity }, index) =>
    authorityId(identity) === self
      ? [
          fault(
            ['partners', index, 'identity'],
            'is our own (ENMESH_IDENTITY_ISSUER): every key of it would be refused',
          ),
        ]
      : [],
  );
}

/** Only what a public key verifies is taken in. */
function unverifiable(imports: readonly Import[]): Fault[] {
  return imports.flatMap(({ publicKeys }, index) =>
    publicKeys.length === 0
      ? [fault(['imports', index, 'publicKeys'], 'is empty: no signature can hold, so none of its files is imported')]
      : [],
  );
}

/** A phone that reads several exports of a region takes the files of all of them. */
function crowdedRegions(exports: readonly Export[]): Fault[] {
  const regions = Map.groupBy(exports, ({ outputRegion }) => outputRegion);
  return exports.flatMap(({ outputRegion, periodSeconds }, index) => {
    const alike = regions.get(outputRegion) ?? [];
    const files = alike.reduce((sum, each) => sum + daySeconds / each.periodSeconds, 0);
    const isCrowdedAlone = daySeconds / periodSeconds > mostFilesADay;
    if (alike.length === 1 || files <= mostFilesADay || isCrowdedAlone) return [];
    return [
      fault(
        ['exports', index, 'period'],
        'makes more than 15 files a day with the other exports of this outputRegion: an app must not read all of them',
      ),
    ];
  });
}

/** A key with an excluded region is out, whatever else holds. */
function withoutRegions(exports: readonly Export[]): Fault[] {
  return exports.flatMap(({ inputRegions, outputRegion, excludeRegions }, index) => {
    const excluded = new Set(excludeRegions.map((region) => region.toUpperCase()));
    const included = inputRegions.length > 0 ? inputRegions : [outputRegion];
    if (!included.every((region) => excluded.has(region.toUpperCase()))) return [];
    return [
      fault(['exports', index, 'excludeRegions'], 'names every region that goes in: none of their keys is exported'),
    ];
  });
}

function moves(exports: readonly Export[], changes: readonly Change[]): Fault[] {
  return changes
    .filter(({ list, action }) => list === 'exports' && action === 'update')
    .flatMap(({ name, fields }) =>
      fields
        .filter(({ path }) => placeFields.has(path))
        .map(({ path }) =>
          fault(
            ['exports', exports.findIndex((series) => series.name === name), path],
            'moves the files: the old index gets no new ones, and goes when its last file has; give apps the new index before',
          ),
        ),
    );
}
