/** What values that can each be read must not be together. */
import { expect, test } from 'vitest';
import { faultsOf, type Role } from '../../../src/platform/config/check-values.ts';
import { readValues } from '../../../src/platform/config/load.ts';

const server = {
  ENMESH_DATABASE_URL: 'postgresql://h/d',
  ENMESH_DATA_DIR: '/data',
  ENMESH_REVISION_TOKEN_KEY: 'revision-token',
  ENMESH_REVISION_TOKEN_AAD: 'AAAA',
};

async function faults(roles: readonly Role[], env: Record<string, string>): Promise<string[]> {
  return faultsOf(await readValues(env, false), new Set(roles));
}

test('what each role needs is asked for, and nothing else', async () => {
  const named = async (...roles: Role[]) => (await faults(roles, {})).map((fault) => fault.split(' ')[0]);
  expect(await named('gateway')).toEqual([]);
  expect(await named('federation')).toEqual(['ENMESH_DATABASE_URL']);
  expect(await named('export')).toEqual(['ENMESH_DATABASE_URL', 'ENMESH_DATA_DIR']);
  expect(await named('server', 'gateway')).toEqual(Object.keys(server));
});

test('a data directory is asked for where something is kept there', async () => {
  const { ENMESH_DATABASE_URL, ENMESH_REVISION_TOKEN_KEY, ENMESH_REVISION_TOKEN_AAD } = server;
  const cloud = { ENMESH_KEY_MANAGER: 'aws-kms', ENMESH_BLOB_STORE: 's3', ENMESH_S3_REGION: 'eu-west-1' };
  const elsewhere = { ENMESH_DATABASE_URL, ENMESH_REVISION_TOKEN_KEY, ENMESH_REVISION_TOKEN_AAD, ...cloud };
  expect(await faults(['server', 'export'], elsewhere)).toEqual([]);
  for (const name of ['ENMESH_KEY_MANAGER', 'ENMESH_BLOB_STORE']) {
    expect(await faults(['export'], { ...elsewhere, [name]: 'filesystem' })).toEqual([
      expect.stringContaining('ENMESH_DATA_DIR is not set'),
    ]);
  }
});

test.for([
  ['https://kms.example', 'false', true],
  ['http://127.0.0.1:1', 'true', true],
  ['http://[::1]:1', 'true', true],
  ['http://127.0.0.1:1', 'false', false],
  ['http://10.0.0.1', 'true', false],
  ['http://kms.example', 'true', false],
] as const)('the endpoint %s of Google Cloud KMS, unsafe loopback %s, is taken: %s', async (given) => {
  const [endpoint, unsafe, isTaken] = given;
  const env = { ...server, ENMESH_GCP_KMS_ENDPOINT: endpoint, ENMESH_UNSAFE_LOOPBACK: unsafe };
  expect(await faults(['server'], env)).toEqual(
    isTaken ? [] : [expect.stringMatching(/^ENMESH_GCP_KMS_ENDPOINT wants https/)],
  );
});

test('nothing is wrong with what was asked for', async () => {
  expect(await faults(['server', 'export', 'federation', 'gateway'], server)).toEqual([]);
});

test.for([
  ['ENMESH_AUTHORITY_CACHE', '30s', '31s', {}],
  ['ENMESH_STATS_EMBARGO_PERIOD', '1h', '59m', {}],
  ['ENMESH_REVISION_KEY_CACHE', '1h', '61m', {}],
  ['ENMESH_REVISION_KEY_DELETE_AFTER', '15d', '359h', {}],
  ['ENMESH_REVISION_KEY_DELETE_AFTER', '10d', '9d', { ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH: '10d' }],
  ['ENMESH_RETENTION', '10d', '239h', {}],
  ['ENMESH_RETENTION', '1d', undefined, { ENMESH_UNSAFE_RETENTION: 'true' }],
  ['ENMESH_TRUNCATE_WINDOW', '1m', '54s', {}],
  ['ENMESH_TRUNCATE_WINDOW', '90m', '7h', {}],
  ['ENMESH_TRUNCATE_WINDOW', '1d', '2d', {}],
  ['ENMESH_TRUNCATE_WINDOW', '7s', undefined, { ENMESH_UNSAFE_SHORT_WINDOWS: 'true' }],
  ['ENMESH_EXPORT_MIN_WINDOW_AGE', '1m', '59s', {}],
  ['ENMESH_EXPORT_MIN_WINDOW_AGE', '0s', undefined, { ENMESH_UNSAFE_SHORT_WINDOWS: 'true' }],
  ['ENMESH_DATABASE_POOL_SIZE', '6', '5', {}],
  ['ENMESH_DATABASE_POOL_SIZE', '10', '9', { ENMESH_EXPORT_CONCURRENCY: '4' }],
  ['ENMESH_STOP_DRAIN', '5s', '6s', {}],
] as const)('%s may be %s and not %s', async ([name, accepted, refused, env]) => {
  const given = { ...server, ...env };
  expect(await faults(['server', 'export'], { ...given, [name]: accepted })).toEqual([]);
  if (refused === undefined) return;
  expect(await faults(['server', 'export'], { ...given, [name]: refused })).toEqual([
    expect.stringMatching(new RegExp(`^${name} wants `)),
  ]);
});

test('a window of 59 s is too short, and divides no day', async () => {
  expect(await faults(['server'], { ...server, ENMESH_TRUNCATE_WINDOW: '59s' })).toEqual([
    expect.stringMatching(/^ENMESH_TRUNCATE_WINDOW wants at least 1m/),
    expect.stringMatching(/^ENMESH_TRUNCATE_WINDOW wants to divide a day/),
  ]);
});

test('a role that is not run has no faults', async () => {
  const env = { ...server, ENMESH_AUTHORITY_CACHE: '1h', ENMESH_EXPORT_ADDRESS: '0.0.0.0:1' };
  expect(await faults(['federation'], env)).toEqual([]);
  expect(await faults(['export'], env)).toHaveLength(1);
});

test.for([
  ['server', 'ENMESH_GRPC'],
  ['export', 'ENMESH_EXPORT'],
] as const)('the %s role listens off loopback only with TLS and callers told apart', async ([role, prefix]) => {
  const address = { ...server, [`${prefix}_ADDRESS`]: '0.0.0.0:0' };
  const tls = { [`${prefix}_TLS_CERT`]: 'x', [`${prefix}_TLS_KEY`]: 'x' };
  const refused = [expect.stringMatching(new RegExp(`^${prefix}_ADDRESS: gRPC must not listen on 0.0.0.0`))];
  expect(await faults([role], address)).toEqual(refused);
  expect(await faults([role], { ...address, ...tls })).toEqual(refused);
  expect(await faults([role], { ...address, ENMESH_CALLER_TOKENS: 'x=operate' })).toEqual(refused);
  expect(await faults([role], { ...address, ...tls, ENMESH_CALLER_TOKENS: 'x=operate' })).toEqual([]);
  expect(await faults([role], { ...address, ...tls, [`${prefix}_TLS_CLIENT_CA`]: 'x' })).toEqual([]);
});

test('the federation role listens off loopback only with TLS, and then for partners alone without caller tokens', async () => {
  const address = { ...server, ENMESH_FEDERATION_ADDRESS: '0.0.0.0:0' };
  const refused = [expect.stringMatching(/^ENMESH_FEDERATION_ADDRESS: .*tokens would cross the network in plain text/)];
  expect(await faults(['federation'], address)).toEqual(refused);
  expect(await faults(['federation'], { ...address, ENMESH_CALLER_TOKENS: 'x=operate' })).toEqual(refused);
  const tls = { ENMESH_FEDERATION_TLS_CERT: 'x', ENMESH_FEDERATION_TLS_KEY: 'x' };
  expect(await faults(['federation'], { ...address, ...tls })).toEqual([]);
});

test.for(['http://id.aa.example', 'http://10.0.0.1:8080'])('our issuer %s wants https', async (issuer) => {
  const values = { ...server, ENMESH_IDENTITY_ISSUER: issuer, ENMESH_UNSAFE_LOOPBACK: 'true' };
  expect(await faults(['federation'], values)).toEqual([expect.stringContaining('ENMESH_IDENTITY_ISSUER wants https')]);
});

test('our issuer is plain http on loopback only in test installations', async () => {
  const values = { ...server, ENMESH_IDENTITY_ISSUER: 'http://127.0.0.1:8080' };
  expect(await faults(['federation'], { ...values, ENMESH_UNSAFE_LOOPBACK: 'true' })).toEqual([]);
  expect(await faults(['federation'], values)).toEqual([expect.stringContaining('ENMESH_UNSAFE_LOOPBACK')]);
});

test('a token needs TLS unless every called role is on this machine', async () => {
  const token = { ENMESH_CLIENT_TOKEN: 'hunter2' };
  expect(await faults(['gateway'], { ...token, ENMESH_SERVER_TARGET: '[::1]:1' })).toEqual([]);
  const remote = { ...token, ENMESH_EXPORT_TARGET: 'dns:///export:9091' };
  expect(await faults(['gateway'], remote)).toEqual([
    'ENMESH_CLIENT_TOKEN needs ENMESH_CLIENT_TLS_CA: a token never crosses the network in plain text',
  ]);
  expect(await faults(['gateway'], { ...remote, ENMESH_CLIENT_TLS_CA: 'x' })).toEqual([]);
});

test('a gateway in one process with roles that ask for tokens needs one', async () => {
  const tokens = { ...server, ENMESH_CALLER_TOKENS: 'hunter2=gateway' };
  expect(await faults(['gateway', 'server'], tokens)).toEqual([expect.stringContaining('needs ENMESH_CLIENT_TOKEN')]);
  expect(await faults(['gateway', 'server'], { ...tokens, ENMESH_CLIENT_TOKEN: 'hunter2' })).toEqual([]);
  expect(await faults(['server'], tokens)).toEqual([]);
});

test('nothing is said about variables that are excepted', async () => {
  const except = new Set(['ENMESH_DATABASE_URL', 'ENMESH_RETENTION'] as const);
  const values = await readValues({ ENMESH_RETENTION: '1d' }, false);
  expect(faultsOf(values, new Set(['export']), except)).toEqual([expect.stringContaining('ENMESH_DATA_DIR')]);
});

test.for<[Record<string, string>, string | undefined]>([
  [{ ENMESH_BLOB_STORE: 'gcs' }, undefined],
  [{ ENMESH_BLOB_STORE: 's3' }, 'ENMESH_S3_REGION'],
  [{ ENMESH_BLOB_STORE: 's3', AWS_REGION: 'eu-west-1' }, undefined],
  [{ ENMESH_BLOB_STORE: 's3', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' }, undefined],
  [{ ENMESH_BLOB_STORE: 'azure' }, 'ENMESH_AZURE_STORAGE_ACCOUNT'],
  [{ ENMESH_BLOB_STORE: 'azure', AZURE_STORAGE_ACCOUNT: 'enmesh' }, undefined],
  [{ ENMESH_BLOB_STORE: 'azure', ENMESH_AZURE_STORAGE_ENDPOINT: 'https://blobs.example' }, undefined],
  [
    {
      ENMESH_BLOB_STORE: 'azure',
      ENMESH_AZURE_STORAGE_ENDPOINT: 'https://blobs.example',
      ENMESH_AZURE_STORAGE_KEY: 'a2V5',
    },
    'ENMESH_AZURE_STORAGE_KEY',
  ],
  [{ ENMESH_BLOB_STORE: 'azure', AZURE_STORAGE_CONNECTION_STRING: 'AccountName=a;AccountKey=a2V5' }, undefined],
  [{ ENMESH_BLOB_STORE: 'azure', AZURE_STORAGE_CONNECTION_STRING: 'UseDevelopmentStorage=true' }, undefined],
  [{ ENMESH_BLOB_STORE: 'azure', AZURE_STORAGE_CONNECTION_STRING: 'a2V5' }, 'ENMESH_AZURE_STORAGE_CONNECTION_STRING'],
])('a blob store has what it needs: %j', async ([environment, fault]) => {
  const found = await faults(['export'], { ...server, ...environment });
  expect(found.map((text) => text.split(' ')[0])).toEqual(fault === undefined ? [] : [fault]);
  expect(found.join()).not.toContain('a2V5');
});

test('no data directory is needed where nothing lies in it', async () => {
  const { ENMESH_DATABASE_URL } = server;
  const remote = { ENMESH_DATABASE_URL, ENMESH_BLOB_STORE: 'gcs', ENMESH_KEY_MANAGER: 'aws-kms' };
  const named = async (env: Record<string, string>) => (await faults(['export'], env)).join();
  expect(await named(remote)).not.toContain('ENMESH_DATA_DIR');
  expect(await named({ ...remote, ENMESH_BLOB_STORE: 'filesystem' })).toContain('ENMESH_DATA_DIR');
  expect(await named({ ...remote, ENMESH_KEY_MANAGER: 'filesystem' })).toContain('ENMESH_DATA_DIR');
});
