/** docs/distribution.md says what caches really get: from a gateway with a real export role behind it, and in the bucket. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leastGraceSeconds } from '../../src/domain/configuration/phone-limits.ts';
import { createExportService } from '../../src/export/service.ts';
import { fileOptions, indexOptions } from '../../src/export/put-options.ts';
import { gatewayDefaults } from '../../src/gateway/start.ts';
import { ask, openGateway, type TestGateway } from '../gateway/support/gateway.ts';
import {
  insertExport,
  insertKeys,
  openExportRole,
  readIndexLines,
  runAll,
  type ExportRole,
} from '../support/export-role.ts';
import { document, plain, tableRows } from './markdown.ts';

const markdown = document('distribution.md');
const headings = ['object', '`Cache-Control` of the gateway', 'in the bucket', 'at the CDN', 'compress'];
const rows = new Map(
  tableRows(markdown, ...headings).map(([object, gateway, bucket, , compress]) => [
    plain(object),
    { gateway: plain(gateway), bucket: plain(bucket), compress },
  ]),
);

describe('docs/distribution.md', () => {
  let role: ExportRole;
  let gateway: TestGateway;
  let line: string;

  beforeAll(async () => {
    role = await openExportRole();
    await insertExport(role);
    // As many lines as a compressor needs to show itself.
    for (let hour = 0; hour < 3; hour++) {
      await insertKeys(role.deps.database, { count: 5, createdAt: new Date(Date.UTC(2020, 11, 10, 9 + hour)) });
      await runAll(role);
      role.clock.advance(3_600_000);
    }
    [line = ''] = (await readIndexLines(role)) ?? [];
    gateway = await openGateway({ exports: createExportService(role.deps) });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await role[Symbol.asyncDispose]();
  });

  it.each([
    ['*.zip', () => line],
    ['index.txt', () => 'aa/index.txt'],
    ['keys.json', () => 'aa/keys.json'],
    ['403, 404', () => 'aa/none.zip'],
  ])('tells how long %s may be kept, and whether it is compressed', async (object, name) => {
    const told = rows.get(object);
    for (const [accepted, encoding] of [
      ['gzip', 'gzip'],
      ['br', 'br'],
    ]) {
      const { headers } = await ask(gateway, `/exports/${name()}`, { headers: { 'accept-encoding': accepted } });
      expect(headers['cache-control']).toBe(told?.gateway);
      expect(headers['content-encoding']).toBe(told?.compress?.includes(accepted!) === true ? encoding : undefined);
    }
  });

  it('tells what the bucket says', () => {
    expect(rows.get('*.zip')?.bucket).toBe(fileOptions.cacheControl);
    expect(rows.get('index.txt')?.bucket).toBe(indexOptions.cacheControl);
  });

  it('tells that what fails is not kept', async () => {
    await using broken = await openGateway();
    await broken.stopRoles();
    const { status, headers } = await ask(broken, `/exports/${line}`);
    expect([status, headers['cache-control']]).toEqual([503, rows.get('5xx')?.gateway]);
  });

  it('tells how much memory the gateway takes for files, and how often it asks about them', () => {
    expect(markdown).toContain(`(${gatewayDefaults.fileCacheBytes / 1024 / 1024} MiB;`);
    expect(markdown).toContain(`asks the export role every ${gatewayDefaults.fileFreshMs / 1000} s`);
  });

  it('says rightly that files stay at least as long after they left the index as caches keep them', () => {
    const maxAge = Number(/max-age=(\d+)/.exec(fileOptions.cacheControl)?.[1]);
    expect(leastGraceSeconds).toBeGreaterThanOrEqual(maxAge);
  });
});
