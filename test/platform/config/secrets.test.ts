/** References to secrets. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readValues } from '../../../src/platform/config/load.ts';
import { resolveSecret } from '../../../src/platform/secrets/secrets.ts';

let dir = '';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'enmesh-secrets-'));
  await writeFile(join(dir, 'unix'), 'value\n');
  await writeFile(join(dir, 'dos'), 'value\r\n');
  await writeFile(join(dir, 'lines'), 'one\ntwo\n\n');
});

afterAll(async () => {
  await rm(dir, { recursive: true });
});

test('any other text is its own value', async () => {
  for (const text of ['', 'x', 'secret:/file/x', ' secret://file/x', 'SECRET://file/x']) {
    expect(await resolveSecret(text)).toBe(text);
  }
});

test('a file gives its content without its last line break', async () => {
  expect(await resolveSecret(`secret://file${dir}/unix`)).toBe('value');
  expect(await resolveSecret(`secret://file/${dir}/dos`)).toBe('value');
  expect(await resolveSecret(`secret://file${dir}/lines`)).toBe('one\ntwo\n');
});

test('where the path does not lie under the root it counts from the working directory', async () => {
  expect(await resolveSecret(`secret://file/${relative(process.cwd(), join(dir, 'unix'))}`)).toBe('value');
});

test('a file that is not there or cannot be read is named', async () => {
  await expect(resolveSecret(`secret://file${dir}/none`)).rejects.toThrow(/does not exist: .*none$/);
  await expect(resolveSecret(`secret://file${dir}`)).rejects.toThrow(/cannot be read/);
});

test('another variable gives its value, also an empty one', async () => {
  vi.stubEnv('SOME_SECRET', 'value');
  vi.stubEnv('EMPTY_SECRET', '');
  expect(await resolveSecret('secret://env/SOME_SECRET')).toBe('value');
  expect(await resolveSecret('secret://env/EMPTY_SECRET')).toBe('');
  vi.unstubAllEnvs();
  await expect(resolveSecret('secret://env/SOME_SECRET')).rejects.toThrow('is not set: SOME_SECRET');
});

test.for(['secret://', 'secret://file', 'secret://gcp/projects/x', 'secret:///x', 'secret://FILE/x'])(
  'the reference %s is refused',
  async (text) => {
    await expect(resolveSecret(text)).rejects.toThrow('wants secret://file/PATH or secret://env/NAME');
  },
);

test('a variable may be a reference, and what it names is read like any value', async () => {
  vi.stubEnv('SOME_ADDRESS', '127.0.0.1:1');
  const values = await readValues({ ENMESH_GRPC_ADDRESS: 'secret://env/SOME_ADDRESS' }, false);
  expect(values.ENMESH_GRPC_ADDRESS).toEqual({ host: '127.0.0.1', port: 1 });
  vi.stubEnv('SOME_ADDRESS', 'hunter2');
  const refused = readValues({ ENMESH_GRPC_ADDRESS: 'secret://env/SOME_ADDRESS' }, false);
  await expect(refused).rejects.toThrow(/ENMESH_GRPC_ADDRESS wants HOST:PORT/);
  await expect(refused).rejects.not.toThrow(/hunter2/);
  vi.unstubAllEnvs();
});
