/** The table of methods and roles is complete. */
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { allowedRoles, callerRole, mayCall, partnerMethods } from '../../src/domain/caller-roles.ts';

const descriptors = readFileSync(new URL('../../src/gen/descriptors.binpb', import.meta.url));
const all = fromBinary(FileDescriptorSetSchema, descriptors).file.flatMap((file) =>
  file.service.flatMap((service) =>
    service.method.map((method) => `/${[file.package, service.name].filter(Boolean).join('.')}/${method.name}`),
  ),
);
const methods = all.filter((method) => !partnerMethods.has(method));

test('every method of the contract stands in the table, and no other', () => {
  expect([...allowedRoles.keys()].sort()).toEqual(methods.sort());
});

test('what is for partners is in the contract, and no caller role is enough for it', () => {
  for (const method of partnerMethods) {
    expect(all).toContain(method);
    expect(mayCall(method, new Set(['operate']))).toBe(false);
  }
});

test('an operator may call everything else', () => {
  for (const method of methods) expect([method, mayCall(method, new Set(['operate']))]).toEqual([method, true]);
});

test('a gateway may publish, read statistics, exports and our public identity, and nothing else', () => {
  expect(methods.filter((method) => mayCall(method, new Set(['gateway']))).sort()).toEqual([
    '/enmesh.export.v1.ExportService/GetFile',
    '/enmesh.export.v1.ExportService/GetIndex',
    '/enmesh.export.v1.ExportService/GetPublicKeys',
    '/enmesh.federation.v1.IdentityService/GetIdentity',
    '/enmesh.publish.v1.PublishService/Publish',
    '/enmesh.publish.v1.PublishStreamService/PublishMany',
    '/enmesh.publish.v1.StatsService/GetStats',
  ]);
});

test('a reader may call nothing that changes something', () => {
  const names = methods.filter((method) => mayCall(method, new Set(['read']))).map((method) => method.split('/')[2]);
  for (const name of names) expect(name).toMatch(/^(Get|List|Plan|Explain)/);
});

test('a method that is not in the table is denied to all', () => {
  expect(mayCall('/enmesh.admin.v1.AdminService/Delete', new Set(['gateway', 'read', 'operate']))).toBe(false);
  expect(mayCall('', new Set(['operate']))).toBe(false);
});

test('nobody may call without a role', () => {
  for (const method of methods) expect(mayCall(method, new Set())).toBe(false);
});

test('only the three words are roles', () => {
  expect(callerRole('read')).toBe('read');
  expect(callerRole('Read')).toBeUndefined();
  expect(callerRole('')).toBeUndefined();
});
