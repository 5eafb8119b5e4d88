/** References to secrets. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readValues } from '../../../src/platform/config/load.ts';
import { resolveSecret } from '../../../src/platform/secrets/secrets.ts';

let dir = '';
const env = { SOME_SECRET: 'value', EMPTY_SECRET: '' };

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
    expect(await resolveSecret(text, env)).toBe(text);
  }
});

test('a file gives its content without its last line break', async () => {
  expect(await resolveSecret(`secret://file${dir}/unix`, env)).toBe('value');
  expect(await resolveSecret(`secret://file/${dir}/dos`, env)).toBe('value');
  expect(await resolveSecret(`secret://file${dir}/lines`, env)).toBe('one\ntwo\n');
});

test('a path counts from the working directory where it begins with a dot, and from the root otherwise', async () => {
  const path = relative(process.cwd(), join(dir, 'unix'));
  expect(path).toMatch(/^\.\.\//);
  expect(await resolveSecret(`secret://file/${path}`, env)).toBe('value');
  expect(await resolveSecret('secret://file/./package.json', env)).toContain('"name": "enmesh"');
  await expect(resolveSecret('secret://file/package.json', env)).rejects.toThrow('does not exist: /package.json');
});

test('a file that is not there or cannot be read is named', async () => {
  await expect(resolveSecret(`secret://file${dir}/none`, env)).rejects.toThrow(/does not exist: .*none$/);
  await expect(resolveSecret(`secret://file${dir}`, env)).rejects.toThrow(/cannot be read/);
});

test('another variable gives its value, also an empty one', async () => {
  expect(await resolveSecret('secret://env/SOME_SECRET', env)).toBe('value');
  expect(await resolveSecret('secret://env/EMPTY_SECRET', env)).toBe('');
  await expect(resolveSecret('secret://env/SOME_SECRET', {})).rejects.toThrow('is not set: SOME_SECRET');
  // What the process itself has does not count.
  await expect(resolveSecret('secret://env/PATH', env)).rejects.toThrow('is not set: PATH');
});

test.for(['secret://', 'secret://file', 'secret://gcp/projects/x', 'secret:///x', 'secret://FILE/x'])(
  'the reference %s is refused',
  async (text) => {
    await expect(resolveSecret(text, env)).rejects.toThrow('wants secret://file/PATH or secret://env/NAME');
  },
);

test('a variable may be a reference, and what it names is read like any value', async () => {
  const read = (value: string) =>
    readValues({ ENMESH_GRPC_ADDRESS: 'secret://env/SOME_ADDRESS', SOME_ADDRESS: value }, false);
  expect((await read('127.0.0.1:1')).ENMESH_GRPC_ADDRESS).toEqual({ host: '127.0.0.1', port: 1 });
  const refused = read('hunter2');
  await expect(refused).rejects.toThrow(/ENMESH_GRPC_ADDRESS wants HOST:PORT/);
  await expect(refused).rejects.not.toThrow(/hunter2/);
});
