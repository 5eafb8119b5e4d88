/** Plan and ExplainKey over real gRPC: what operators ask, and what never reaches a log. */
import { describe, expect, it } from 'vitest';
import { createExportService } from '../../src/export/service.ts';
import { ExportServiceDefinition, KeyVerdict, PlannedState } from '../../src/gen/enmesh/export/v1/export.ts';
import { createGrpcClient, type GrpcClient } from '../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../src/platform/grpc/server.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { insertExport, insertKeys, openExportRole, runAll, type ExportRole } from '../support/export-role.ts';

type Client = GrpcClient<typeof ExportServiceDefinition>['client'];

/** The role behind a port, with everything that it logs. */
async function serve(): Promise<ExportRole & { readonly client: Client; readonly lines: string[] }> {
  const role = await openExportRole();
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: 'trace', pretty: false, destination });
  const deps = { ...role.deps, logger };
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(ExportServiceDefinition, createExportService(deps))],
    isReady: () => Promise.resolve(true),
    logger,
    metrics: deps.metrics,
  });
  const { client, close } = createGrpcClient(ExportServiceDefinition, `127.0.0.1:${String(server.address.port)}`, {});
  return {
    ...role,
    client,
    lines,
    [Symbol.asyncDispose]: async () => {
      close();
      await server.stop();
      await role[Symbol.asyncDispose]();
    },
  };
}

describe('Plan', () => {
  it('tells three windows ahead unless asked for others, at most 100', async () => {
    await using role = await serve();
    await insertExport(role);
    await runAll(role);
    const count = async (ahead: number) => (await role.client.plan({ ahead })).windows.length;
    expect([await count(0), await count(1), await count(101)]).toEqual([3, 1, 100]);
    expect((await role.client.plan({})).windows[0]).toEqual({
      exportName: 'aa',
      start: new Date('2020-12-10T10:00:00Z'),
      end: new Date('2020-12-10T11:00:00Z'),
      due: new Date('2020-12-10T11:00:00Z'),
      state: PlannedState.COLLECTING,
      batchId: 0n,
      keys: 0,
      revisedKeys: 0,
      files: [],
      detail: '',
    });
  });

  it('refuses the name of an export that there is not', async () => {
    await using role = await serve();
    await expect(role.client.plan({ name: 'bb' })).rejects.toMatchObject({ code: 'export_not_found' });
    await expect(role.client.explainKey({ key: Buffer.alloc(16), name: 'bb' })).rejects.toMatchObject({
      code: 'export_not_found',
    });
  });
});

describe('ExplainKey', () => {
  it('answers for a key that is published and for one that nobody knows', async () => {
    await using role = await serve();
    await insertExport(role);
    const [key = ''] = await insertKeys(role.deps.database, { count: 1 });
    await runAll(role);
    expect(await role.client.explainKey({ key: Buffer.from(key, 'hex') })).toMatchObject({
      unknown: false,
      generated: false,
      created: new Date('2020-12-10T09:00:00Z'),
      revised: undefined,
      placements: [
        {
          exportName: 'aa',
          isRevised: false,
          verdict: KeyVerdict.PUBLISHED,
          file: 'aa/1607590800-1607594400-00001.zip',
          due: undefined,
          start: new Date('2020-12-10T09:00:00Z'),
          end: new Date('2020-12-10T10:00:00Z'),
        },
      ],
    });
    expect(await role.client.explainKey({ key: Buffer.alloc(16, 7) })).toMatchObject({ unknown: true, placements: [] });
  });

  it('leaves no trace of the key in the log, whether it answers, refuses or fails', async () => {
    await using role = await serve();
    await insertExport(role);
    const [hex = ''] = await insertKeys(role.deps.database, { count: 1 });
    const key = Buffer.from(hex, 'hex');
    await role.client.explainKey({ key });
    await expect(role.client.explainKey({ key: Buffer.concat([key, key]) })).rejects.toMatchObject({ code: 'bad_key' });
    await role.deps.database.query('alter table padding_keys rename to gone');
    await expect(role.client.explainKey({ key })).rejects.toMatchObject({ kind: 'internal' });
    const log = role.lines.join('');
    expect(log).toContain('ExplainKey');
    const written = [hex, key.toString('base64'), key.toString('base64url'), hex.toUpperCase(), key.join(',')];
    for (const form of written) expect(log).not.toContain(form);
  });
});
