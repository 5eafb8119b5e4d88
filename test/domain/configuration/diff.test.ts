/** What must change between two configurations, and that it is enough. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Configuration } from '../../../src/domain/configuration/configuration.ts';
import { diff, type Change } from '../../../src/domain/configuration/diff.ts';
import { emptyConfiguration, listNames, memberName, type ListName } from '../../../src/domain/configuration/lists.ts';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { members, sampleDocument } from '../../support/configuration.ts';

const { app, signingKey, series, healthAuthority, partner } = members;
const sample = parseConfiguration(sampleDocument());

describe('the difference between configurations', () => {
  it('creates everything in an empty installation, each after what it refers to', () => {
    const changes = diff(emptyConfiguration, sample, { prune: false });
    expect(changes.map(({ action, list }) => `${action} ${list}`)).toEqual(listNames.map((list) => `create ${list}`));
  });

  it('is nothing between equals', () => {
    expect(diff(sample, parseConfiguration(sampleDocument()), { prune: true })).toEqual([]);
  });

  it('names each field that differs, in JSON', () => {
    const wanted = parseConfiguration({ apps: [{ ...app, regions: ['AA', 'BB'], bypassCertificate: true }] });
    expect(diff(sample, wanted, { prune: false })[0]).toMatchObject({
      action: 'update',
      list: 'apps',
      name: 'org.example.health',
      fields: [
        { path: 'regions', before: '["AA"]', after: '["AA","BB"]' },
        { path: 'bypassCertificate', before: 'false', after: 'true' },
      ],
    });
  });

  it('names fields of keys and of grants by their path', () => {
    const [key] = healthAuthority.keys;
    const wanted = parseConfiguration({
      healthAuthorities: [{ ...healthAuthority, keys: [{ ...key, thru: '2026-02-01T00:00:00Z' }] }],
      partners: [{ ...partner, push: null, serve: { regions: [] } }],
    });
    expect(diff(sample, wanted, { prune: false }).map(({ fields }) => fields)).toEqual([
      [{ path: 'keys[v1].thru', before: undefined, after: '"2026-02-01T00:00:00.000Z"' }],
      [
        { path: 'serve.regions', before: '["AA"]', after: '[]' },
        { path: 'push', before: '{}', after: undefined },
        { path: 'push.regions', before: '["AA"]', after: undefined },
        { path: 'push.onlyLocal', before: 'true', after: undefined },
      ],
    ]);
  });

  it('does not count the order of lists', () => {
    const one = parseConfiguration({ apps: [{ ...app, regions: ['AA', 'BB'], healthAuthorities: ['a', 'b'] }] });
    const other = parseConfiguration({ apps: [{ ...app, regions: ['BB', 'AA'], healthAuthorities: ['b', 'a'] }] });
    expect(diff(one, other, { prune: false })).toEqual([]);
  });

  it('leaves alone what is not named', () => {
    expect(diff(sample, emptyConfiguration, { prune: false })).toEqual([]);
  });

  it('deletes what is not named when pruning, those who refer before those referred to', () => {
    const changes = diff(sample, emptyConfiguration, { prune: true });
    expect(changes.map(({ list }) => list)).toEqual([
      'apps',
      'exports',
      'partners',
      'mirrors',
      'imports',
      'signingKeys',
      'healthAuthorities',
    ]);
    expect(changes.every(({ action, fields }) => action === 'delete' && fields.length === 0)).toBe(true);
  });

  it('lets go of a signing key before it is deleted, and of a root before it is taken', () => {
    const current = parseConfiguration({
      signingKeys: [signingKey],
      exports: [series, { ...series, name: 'bb', filenameRoot: 'bb' }],
    });
    const wanted = parseConfiguration({
      signingKeys: [{ ...signingKey, name: 'next' }],
      exports: [{ ...series, filenameRoot: 'bb', signingKeys: ['next'] }],
    });
    const order = diff(current, wanted, { prune: true }).map(({ action, name }) => `${action} ${name}`);
    expect(order).toEqual(['delete bb', 'create next', 'update aa', 'delete main']);
  });

  it('once applied, leaves nothing to change', () => {
    fc.assert(
      fc.property(configurations(), configurations(), fc.boolean(), (current, wanted, prune) => {
        const applied = applyTo(current, diff(current, wanted, { prune }));
        expect(diff(applied, wanted, { prune })).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

/** What storage does, on a value. */
function applyTo(configuration: Configuration, changes: readonly Change[]): Configuration {
  return Object.fromEntries(
    listNames.map((list) => [list, applyToList(configuration, list, changes)]),
  ) as unknown as Configuration;
}

function applyToList(configuration: Configuration, list: ListName, changes: readonly Change[]): unknown[] {
  const byName = new Map<string, unknown>(configuration[list].map((member) => [memberName(list, member), member]));
  for (const change of changes.filter((candidate) => candidate.list === list)) {
    if (change.action === 'delete') byName.delete(change.name);
    else byName.set(change.name, change.member);
  }
  return [...byName.values()];
}

function configurations(): fc.Arbitrary<Configuration> {
  const region = fc.constantFrom('AA', 'BB', 'cc');
  const name = fc.constantFrom('a', 'b', 'c');
  const unique = { selector: (member: { name?: string; id?: string }) => member.name ?? member.id };
  const apps = fc.uniqueArray(
    fc.record({
      id: name,
      regions: fc.array(region, { minLength: 1 }),
      healthAuthorities: fc.uniqueArray(name, { minLength: 1 }),
      attestation: fc.constantFrom('off', 'observe', false),
    }),
    unique,
  );
  const partners = fc.uniqueArray(
    fc.record({
      name,
      serve: fc.option(fc.record({ regions: fc.array(region), onlyLocal: fc.boolean() })),
      pull: fc.option(fc.record({ excludeRegions: fc.array(region) })),
    }),
    unique,
  );
  return fc.record({ apps, partners: partners.map((list) => list.map(withIdentity)) }).map(parseConfiguration);
}

/** No two partners prove to be the same. */
function withIdentity<Member extends { readonly name: string }>(member: Member) {
  return { ...partner, ...member, identity: { ...partner.identity, subject: member.name } };
}
