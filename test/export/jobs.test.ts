/** Background work: what a tick finds, and what the queue then runs. */
import { describe, expect, it } from 'vitest';
import { exportJobs } from '../../src/export/jobs.ts';
import { readBatch } from '../../src/storage/exports/batches.ts';
import { insertExport, insertKeys, openExportRole, readIndexLines, type ExportRole } from '../support/export-role.ts';

interface Enqueued {
  readonly job: string;
  readonly payload: unknown;
  readonly key: string | undefined;
}

function jobsOf(role: ExportRole): { enqueued: Enqueued[]; run: (name: string, payload?: unknown) => Promise<void> } {
  const enqueued: Enqueued[] = [];
  const jobs = exportJobs({
    ...role.deps,
    jobQueue: {
      enqueue: (job, payload, options) => {
        enqueued.push({ job, payload, key: options?.key });
        return Promise.resolve();
      },
    },
  });
  const context = { signal: new AbortController().signal, logger: role.deps.logger };
  return {
    enqueued,
    run: async (name, payload) => await jobs.find((job) => job.name === name)!.run(payload, context),
  };
}

describe('a tick', () => {
  it('plans, asks for each batch to be built and writes the index', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    const { enqueued, run } = jobsOf(role);
    await run('export.tick');
    expect(enqueued).toEqual([{ job: 'export.build', payload: { batchId: '1' }, key: 'export.build:1' }]);
    expect(await readIndexLines(role)).toEqual([]);
    await run('export.build', JSON.parse(JSON.stringify(enqueued[0]!.payload)));
    expect(await readIndexLines(role)).toHaveLength(1);
    await run('export.build', enqueued[0]!.payload);
    expect(await readBatch(role.deps.database, '1')).toMatchObject({ status: 'complete', attempts: 1 });
    await run('export.tick');
    expect(enqueued).toHaveLength(1);
  });

  it('leaves a batch that failed until its pause is over', async () => {
    await using role = await openExportRole();
    await insertExport(role, { signingKeys: [] });
    await insertKeys(role.deps.database, { count: 5 });
    const { enqueued, run } = jobsOf(role);
    await run('export.tick');
    await run('export.build', enqueued[0]!.payload);
    await run('export.tick');
    expect(enqueued).toHaveLength(1);
    role.clock.advance(5000);
    await run('export.tick');
    expect(enqueued).toHaveLength(2);
  });

  it('gives signing keys that were configured meanwhile their first version', async () => {
    await using role = await openExportRole();
    await role.deps.database.query(
      `insert into signing_keys (name, key, key_id, first_version) values ('new', 'export-new', '310', 'v1')`,
    );
    await jobsOf(role).run('export.tick');
    expect(await role.deps.keyManager.signingKeyVersions('export-new')).toHaveLength(1);
  });

  it('goes on without keys that are missing', async () => {
    await using role = await openExportRole({ createKeys: false });
    await insertExport(role);
    await role.deps.database.query(
      `insert into signing_keys (name, key, key_id, first_version) values ('new', 'export-new', '310', 'v1')`,
    );
    const { enqueued, run } = jobsOf(role);
    await run('export.tick');
    expect(enqueued).toHaveLength(1);
  });
});

describe('a build', () => {
  it('refuses a payload that names no batch', async () => {
    await using role = await openExportRole();
    await expect(jobsOf(role).run('export.build', { batch: 1 })).rejects.toMatchObject({ code: 'bad_payload' });
  });
});
