/** All faults of an environment together: of texts, of values, of files. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Role } from '../../../src/platform/config/check-values.ts';
import { readValuesFor } from '../../../src/platform/config/load-for-roles.ts';
import { ConfigurationError } from '../../../src/platform/config/load.ts';
import { TestCa } from '../grpc/certificates.ts';

const ca = new TestCa('files');
const one = ca.issue({ dns: ['one'] });
const other = ca.issue({ dns: ['other'] });
const names = { cert: one.cert, key: one.key, other: other.key, ca: ca.cert, text: 'no PEM' };
let dir = '';
const path = (name: keyof typeof names | 'missing') => join(dir, `${name}.pem`);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'enmesh-tls-'));
  for (const [name, text] of Object.entries(names)) await writeFile(join(dir, `${name}.pem`), text);
});

afterAll(async () => {
  await rm(dir, { recursive: true });
});

async function faults(roles: readonly Role[], env: Record<string, string>): Promise<readonly string[]> {
  try {
    await readValuesFor(env, { roles: new Set(roles), isDev: false });
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
}

test('texts, values, roles and files are all looked at before anything is told, and nothing is told twice', async () => {
  const found = await faults(['server', 'gateway'], {
    ENMESH_NO_SUCH: '1',
    ENMESH_DATABASE_URL: 'nowhere',
    ENMESH_RETENTION: '1d',
    ENMESH_GRPC_ADDRESS: '0.0.0.0:1',
    ENMESH_GRPC_TLS_CERT: path('cert'),
    ENMESH_GATEWAY_TLS_CERT: path('missing'),
    ENMESH_GATEWAY_TLS_KEY: path('key'),
    ENMESH_CLIENT_TLS_CA: path('text'),
  });
  expect(found.map((fault) => fault.split(/[ :]/)[0])).toEqual([
    'ENMESH_NO_SUCH',
    'ENMESH_DATABASE_URL',
    'ENMESH_DATA_DIR',
    'ENMESH_REVISION_TOKEN_KEY',
    'ENMESH_REVISION_TOKEN_AAD',
    'ENMESH_RETENTION',
    'ENMESH_GRPC_ADDRESS',
    'ENMESH_GRPC_TLS_CERT',
    'ENMESH_GATEWAY_TLS_CERT',
    'ENMESH_CLIENT_TLS_CA',
  ]);
});

test.for([
  ['a certificate without its key', { ENMESH_GATEWAY_TLS_CERT: 'cert' }, 'go together'],
  ['a key without its certificate', { ENMESH_GATEWAY_TLS_KEY: 'key' }, 'go together'],
  ['a key of another certificate', { ENMESH_GATEWAY_TLS_CERT: 'cert', ENMESH_GATEWAY_TLS_KEY: 'other' }, 'that cert'],
  ['a client certificate without a CA', { ENMESH_CLIENT_TLS_CERT: 'cert', ENMESH_CLIENT_TLS_KEY: 'key' }, 'needs'],
  ['a file that is not there', { ENMESH_CLIENT_TLS_CA: 'missing' }, 'cannot be read'],
  ['a CA that is no PEM', { ENMESH_CLIENT_TLS_CA: 'text' }, 'wants PEM'],
] as const)('%s is a fault of the gateway alone', async ([, files, reason]) => {
  const env = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, path(file)]));
  expect(await faults(['gateway'], env)).toEqual([expect.stringContaining(reason)]);
  expect(await faults(['federation'], { ...env, ENMESH_DATABASE_URL: 'postgresql://h/d' })).toEqual([]);
});

test('files that belong together are fine', async () => {
  const env = {
    ENMESH_GATEWAY_TLS_CERT: path('cert'),
    ENMESH_GATEWAY_TLS_KEY: path('key'),
    ENMESH_CLIENT_TLS_CERT: path('cert'),
    ENMESH_CLIENT_TLS_KEY: path('key'),
    ENMESH_CLIENT_TLS_CA: path('ca'),
  };
  expect(await faults(['gateway'], env)).toEqual([]);
});
