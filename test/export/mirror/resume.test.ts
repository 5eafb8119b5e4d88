/** Mirrors over crashes, stops, several workers, and changes of the configuration. */
import { randomUUID } from 'node:crypto';
import { writeFile, readdir, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { indexOptions } from '../../../src/export/put-options.ts';
import { deleteLeftovers } from '../../../src/export/mirror/delete-copies.ts';
import { mirrorJobs } from '../../../src/export/mirror/jobs.ts';
import { runMirrors } from '../../../src/export/mirror/run-all.ts';
import { deleteExport } from '../../../src/storage/configuration/exports.ts';
import { deleteMirror, saveMirror } from '../../../src/storage/configuration/mirrors.ts';
import { sampleRow, sampleSigner, sampleZip } from '../../support/export-file.ts';
import { openMirrorRole, type MirrorRole } from '../../support/mirror.ts';
import { startUpstream } from '../../support/upstream.ts';

const signer = sampleSigner();
const [first, second] = await Promise.all(
  [1, 2].map(async (number) => await sampleZip({ rows: [sampleRow(number)], signers: [signer] })),
);
const files = { 'aa/1-2-00001.zip': first!, 'aa/2-3-00001.zip': second! };
const bothListed = ['m/1-2-00001.zip', 'm/2-3-00001.zip'];
const never = new AbortController().signal;
const fileOptions = { contentType: 'application/zip', cacheControl: '', onlyIfAbsent: true };

/** What a worker that was killed after its first upload leaves: object, spool file and lease, but no note of the copy. */
async function leaveKilledWorker(role: MirrorRole, id: number): Promise<void> {
  const { database, blobStore, clock, settings } = role.deps;
  await database.query(
    `insert into mirror_files (mirror_id, path, name, position) values ($1, 'aa/1-2-00001.zip', '1-2-00001.zip', 1)`,
    [id],
  );
  await database.query(
    `update mirrors set read_at = $2, lease_owner = $3, lease_expires = $2::timestamptz + interval '60 s' where id = $1`,
    [id, clock.now(), randomUUID()],
  );
  await blobStore.put({ bucket: 'mirror', name: 'm/1-2-00001.zip' }, first!, fileOptions);
  await mkdir(settings.spoolDir, { recursive: true });
  await writeFile(join(settings.spoolDir, `mirror-${String(id)}-1-${randomUUID()}.zip`), first!);
}

describe('a mirror whose worker was killed', () => {
  it('is left alone until its lease ends, then goes on from where it was', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    await leaveKilledWorker(role, id);
    role.deps.clock.advance(60_000);
    expect(await role.run(id)).toBe('taken');
    role.deps.clock.advance(1);
    expect(await role.run(id)).toBe('completed');
    expect(await role.index()).toEqual(bothListed);
    expect(await readdir(role.deps.settings.spoolDir)).toEqual([]);
  });

  it('lets go of an object that the other authority no longer lists', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    await leaveKilledWorker(role, id);
    upstream.index = ['aa/2-3-00001.zip'];
    role.deps.clock.advance(61_000);
    await role.run(id);
    role.deps.clock.advance(86_400_000);
    await role.run(id);
    expect(await role.objects()).toEqual(['m/2-3-00001.zip', 'm/index.txt']);
  });

  it('writes the index that was not written, whether or not the other authority answers', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    await role.run(id);
    await role.deps.blobStore.delete({ bucket: 'mirror', name: 'm/index.txt' });
    await role.deps.database.query('update mirrors set index_written = index_wanted - 1');
    upstream.index = (_request, response) => response.writeHead(503).end();
    expect(await role.run(id)).toBe('failed');
    expect(await role.index()).toEqual(bothListed);
  });
});

describe('several workers', () => {
  it('at one mirror: one of them copies, the others leave it alone', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    const outcomes = await Promise.all([role.run(id), role.run(id), role.run(id)]);
    expect(outcomes.toSorted()).toEqual(['completed', 'taken', 'taken']);
    expect(upstream.requests).toHaveLength(3);
  });

  it.each([
    ['a file', 200],
    ['a fault', 500],
  ])('that lose the mirror meanwhile write %s down no more', async (_what, status) => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    upstream.files.set('aa/1-2-00001.zip', (_request, response) => {
      response.statusCode = status;
      void role.deps.database
        .query('update mirrors set lease_owner = $1', [randomUUID()])
        .then(() => response.end(first));
    });
    expect(await role.run(id)).toBe('lost');
    const { rows } = await role.deps.database.query(
      'select from mirror_files where copied_at is not null or attempts > 0 or last_error is not null',
    );
    expect(rows).toHaveLength(0);
    expect(await role.state(id)).toMatchObject({ copiedFiles: 0, isRunning: true });
  });

  it('at two mirrors: one that is dead does not keep the other', async () => {
    await using dead = await startUpstream();
    await using alive = await startUpstream(files);
    await using role = await openMirrorRole();
    dead.index = () => undefined;
    const deadId = await role.add(dead, { name: 'dead' });
    await role.add(alive);
    const gone = new AbortController();
    const told = [];
    for await (const { state, isDone } of runMirrors(role.deps, { signal: AbortSignal.any([never, gone.signal]) })) {
      told.push(`${state.name} ${String(state.mirroredFiles)} ${isDone ? 'done' : 'works'}`);
      if (isDone) break;
    }
    expect(told.at(-1)).toBe('m 2 done');
    expect(await role.index()).toEqual(bothListed);
    // The run of the other was given back when nobody listened any more.
    expect(await role.state(deadId)).toMatchObject({ isRunning: false, completedAt: null, lastError: null });
  });
});

describe('a stop', () => {
  it('ends a download, lists what was copied and gives the mirror back at once', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    const stop = new AbortController();
    upstream.files.set('aa/2-3-00001.zip', (_request, response) => {
      response.write('PK');
      stop.abort();
    });
    expect(await role.run(id, { signal: stop.signal })).toBe('interrupted');
    expect(await role.index()).toEqual(['m/1-2-00001.zip']);
    expect(await role.state(id)).toMatchObject({ isRunning: false, failedFiles: 0, lastError: null });
    upstream.files.set('aa/2-3-00001.zip', second!);
    expect(await role.run(id)).toBe('completed');
    expect(await role.index()).toEqual(bothListed);
  });
});

describe('a mirror that is configured anew', () => {
  const change = async (role: MirrorRole, fields: object): Promise<void> => {
    const { rows } = await role.deps.database.query<Record<string, string>>('select * from mirrors');
    const { index_url: indexUrl, base_url: baseUrl, bucket, filename_root: filenameRoot } = rows[0]!;
    const as = { name: 'm', indexUrl: indexUrl!, baseUrl: baseUrl!, bucket: bucket!, filenameRoot: filenameRoot! };
    await role.deps.database.transaction(async (client) => {
      await saveMirror(client, { ...as, ...fields });
    });
  };

  it('under another root copies everything there and lets go of the old place after a grace', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    await role.run(id);
    await change(role, { filenameRoot: 'n' });
    await role.run(id);
    expect(await role.index('n')).toEqual(['n/1-2-00001.zip', 'n/2-3-00001.zip']);
    expect(await role.index('m')).toEqual(bothListed);
    const { clock } = role.deps;
    const later = clock.now();
    clock.set(new Date(0));
    await deleteLeftovers(role.deps, never);
    expect(await role.index('m')).toEqual(bothListed);
    clock.set(later);
    await deleteLeftovers(role.deps, never);
    expect(await role.objects()).toEqual(['n/1-2-00001.zip', 'n/2-3-00001.zip', 'n/index.txt']);
  });

  it('and moved back in time keeps what lies there', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    await role.run(id);
    await change(role, { filenameRoot: 'n' });
    await change(role, { filenameRoot: 'm' });
    await role.run(id);
    await deleteLeftovers(role.deps, never);
    expect(await role.objects()).toEqual(['m/1-2-00001.zip', 'm/2-3-00001.zip', 'm/index.txt']);
    expect(await role.index()).toEqual(bothListed);
  });

  it('with a base URL that has the same files keeps its copies', async () => {
    await using upstream = await startUpstream(files);
    await using moved = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    await role.run(id);
    await change(role, { baseUrl: moved.baseUrl });
    await role.run(id);
    expect(moved.requests).toHaveLength(2);
    expect(await role.index()).toEqual(bothListed);
  });

  it('with a base URL of another authority lists none of the old files that differ', async () => {
    await using upstream = await startUpstream(files);
    await using other = await startUpstream({ ...files, 'aa/2-3-00001.zip': first! });
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    await role.run(id);
    await change(role, { baseUrl: other.baseUrl });
    await role.run(id);
    expect(await role.index()).toEqual(['m/1-2-00001.zip']);
    expect(await role.read('m/2-3-00001.zip')).toEqual(second);
  });

  it('and its base URL out of order goes on listing its copies', async () => {
    await using upstream = await startUpstream(files);
    await using empty = await startUpstream();
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    await role.run(id);
    await change(role, { baseUrl: empty.baseUrl });
    await role.run(id);
    expect(await role.index()).toEqual(bothListed);
    expect(await role.state(id)).toMatchObject({ mirroredFiles: 2, failedFiles: 2 });
  });

  it('or deleted takes everything of it along, rows at once and objects after a grace', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    await role.run(await role.add(upstream));
    await role.deps.database.transaction(async (client) => {
      await deleteMirror(client, 'm');
    });
    const { rows } = await role.deps.database.query('select from mirror_files');
    expect(rows).toHaveLength(0);
    expect(await role.objects()).toHaveLength(3);
    await deleteLeftovers(role.deps, never);
    expect(await role.objects()).toEqual([]);
    const left = await role.deps.database.query('select from mirror_leftovers');
    expect(left.rows).toHaveLength(0);
  });

  it('or deleted leaves alone what is an export’s by now', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    await role.run(await role.add(upstream));
    await role.deps.database.transaction(async (client) => {
      await deleteMirror(client, 'm');
    });
    await role.deps.database.query(
      `insert into exports (name, bucket, filename_root, output_region, input_regions, exclude_regions,
                            include_travelers, only_non_travelers, period_seconds, grace_seconds)
       values ('m', 'mirror', 'm', 'AA', '{}', '{}', true, false, 14400, 86400)`,
    );
    await deleteLeftovers(role.deps, never);
    expect(await role.objects()).toEqual(['m/index.txt']);
  });

  it('beside an export that is deleted takes the index along that it leaves, where it is and where it was', async () => {
    await using role = await openMirrorRole();
    const { database, blobStore } = role.deps;
    await database.query(
      `with made as (
         insert into exports (name, bucket, filename_root, output_region, input_regions, exclude_regions,
                              include_travelers, only_non_travelers, period_seconds, grace_seconds, index_written)
         values ('aa', 'mirror', 'aa', 'AA', '{}', '{}', true, false, 14400, 86400, 1) returning id)
       insert into former_places (export_id, bucket, filename_root) select id, 'mirror', 'was' from made`,
    );
    for (const root of ['aa', 'was', 'other']) {
      await blobStore.put({ bucket: 'mirror', name: `${root}/index.txt` }, Buffer.alloc(0), indexOptions);
    }
    await database.transaction(async (client) => {
      await deleteExport(client, 'aa');
    });
    await deleteLeftovers(role.deps, never);
    expect(await role.objects()).toEqual(['other/index.txt']);
  });

  it('or deleted keeps what cannot be deleted for the next time', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    await role.run(await role.add(upstream));
    await role.deps.database.transaction(async (client) => {
      await deleteMirror(client, 'm');
    });
    const { blobStore } = role.deps;
    const broken = Object.assign(Object.create(blobStore) as typeof blobStore, {
      delete: async (blob: Parameters<typeof blobStore.delete>[0]) => {
        if (blob.name === 'm/1-2-00001.zip') throw new Error('no answer');
        await blobStore.delete(blob);
      },
    });
    await deleteLeftovers({ ...role.deps, blobStore: broken }, never);
    expect(await role.objects()).toEqual(['m/1-2-00001.zip']);
    await deleteLeftovers(role.deps, never);
    expect(await role.objects()).toEqual([]);
  });
});

describe('the job', () => {
  const context = (role: MirrorRole) => ({ signal: never, logger: role.deps.logger });

  it('works on every mirror that is due, and on none that waits after a failure', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    await role.add(upstream);
    const failing = await role.add({ ...upstream, indexUrl: `${upstream.baseUrl}none` }, { name: 'failing' });
    await role.run(failing);
    upstream.requests.length = 0;
    const [job] = mirrorJobs(role.deps);
    await job!.run(undefined, context(role));
    expect(await role.index()).toEqual(bothListed);
    expect(upstream.requests).not.toContain('/base/none');
    role.deps.clock.advance(5_000);
    await job!.run(undefined, context(role));
    expect(upstream.requests).toContain('/base/none');
  });

  it('makes room for others after a time, lists what is copied, and goes on the next time', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    const id = await role.add(upstream);
    expect(await role.run(id, { copyLimitMs: 0 })).toBe('completed');
    const copied = (await role.index())?.length ?? 0;
    expect(copied).toBeLessThan(2);
    expect(await role.state(id)).toMatchObject({ listedFiles: 2, mirroredFiles: copied, failedFiles: 0 });
    expect(await role.run(id)).toBe('completed');
    expect(await role.index()).toEqual(bothListed);
  });
});
