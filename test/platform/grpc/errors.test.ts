/** Errors across gRPC. */
import { ClientError, Metadata, Status } from 'nice-grpc';
import { expect, test } from 'vitest';
import { AppError, type ErrorKind } from '../../../src/domain/errors.ts';
import { fromClientError } from '../../../src/platform/grpc/errors.ts';
import { adminService, exportService, rejection, start } from './installation.ts';

const kinds: Record<ErrorKind, Status> = {
  invalid: Status.INVALID_ARGUMENT,
  unauthenticated: Status.UNAUTHENTICATED,
  forbidden: Status.PERMISSION_DENIED,
  not_found: Status.NOT_FOUND,
  conflict: Status.ALREADY_EXISTS,
  precondition: Status.FAILED_PRECONDITION,
  exhausted: Status.RESOURCE_EXHAUSTED,
  timeout: Status.DEADLINE_EXCEEDED,
  unavailable: Status.UNAVAILABLE,
  internal: Status.INTERNAL,
};

test.for(Object.entries(kinds) as [ErrorKind, Status][])(
  'an AppError of the kind %s crosses intact',
  async ([kind, status]) => {
    const details = ['exports[0].name: wants a name', 'ключ, 鍵, and a line\nbreak', ''];
    const thrown = new AppError(kind, 'some_code', 'Cause — and 100% cure.', { details, cause: new Error('private') });
    await using installation = await start([adminService(() => Promise.reject(thrown))]);
    const error = await rejection(installation.admin().get({}));
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ kind, code: 'some_code', message: 'Cause — and 100% cure.', details });
    expect((error.cause as ClientError).code).toBe(status);
    const { body } = await installation.metrics.render();
    expect(body).toContain(
      `enmesh_grpc_requests_total{method="/enmesh.admin.v1.AdminService/Get",code="${Status[status]}"} 1`,
    );
    const failures = installation.lines.filter((line) => 'err' in line || 'code' in line);
    expect(failures).toHaveLength(1);
    const written = { kind, code: 'some_code' };
    expect(failures[0]).toMatchObject({
      method: '/enmesh.admin.v1.AdminService/Get',
      ...(error.isCallersFault ? written : { err: written }),
    });
  },
);

test('an AppError without code, details and message crosses intact too', async () => {
  await using installation = await start([adminService(() => Promise.reject(new AppError('unauthenticated', '', '')))]);
  const error = await rejection(installation.admin().get({}));
  expect(error).toMatchObject({ kind: 'unauthenticated', code: '', message: '', details: [] });
});

test('an AppError that ends a stream crosses intact, after what came before it', async () => {
  const service = exportService({
    // eslint-disable-next-line @typescript-eslint/require-await
    getFile: async function* () {
      yield { part: { $case: 'chunk' as const, value: Buffer.from('first') } };
      throw new AppError('not_found', 'no_file', 'there is no such file', { details: ['one', 'two'] });
    },
  });
  await using installation = await start([service]);
  const received: string[] = [];
  const error = await rejection(
    (async () => {
      for await (const { part } of installation.exports().getFile({ filenameRoot: 'a', file: 'b' })) {
        if (part?.$case === 'chunk') received.push(part.value.toString());
      }
    })(),
  );
  expect(received).toEqual(['first']);
  expect(error).toMatchObject({ kind: 'not_found', code: 'no_file', details: ['one', 'two'] });
});

test('an unforeseen error becomes INTERNAL with a fixed text, and its stack is logged once', async () => {
  await using installation = await start([
    adminService(() => Promise.reject(new TypeError('x is not a function: secret'))),
  ]);
  const error = await rejection(installation.admin().get({}));
  expect(error).toMatchObject({
    kind: 'internal',
    code: 'internal_error',
    message: 'Internal Server Error',
    details: [],
  });
  const failures = installation.lines.filter((line) => line['level'] === 'error');
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatchObject({ err: { cause: { name: 'TypeError', message: 'x is not a function: secret' } } });
  expect(JSON.stringify(failures[0])).toContain('errors.test.ts');
});

test('of very many details the first are sent, and how many more there are', async () => {
  const details = Array.from({ length: 1000 }, (_, index) => `exports[${String(index)}].name: wants a name`);
  await using installation = await start([
    adminService(() => Promise.reject(new AppError('invalid', 'bad', 'bad', { details }))),
  ]);
  const error = await rejection(installation.admin().get({}));
  expect(error.details).toHaveLength(65);
  expect(error.details[63]).toBe(details[63]);
  expect(error.details[64]).toBe('and 936 more');
});

test('64 details all arrive, and so does a long one', async () => {
  const details = Array.from({ length: 64 }, (_, index) => String(index).repeat(100));
  await using installation = await start([
    adminService(() => Promise.reject(new AppError('invalid', 'bad', 'bad', { details }))),
  ]);
  const error = await rejection(installation.admin().get({}));
  expect(error.details).toEqual(details);
});

test('a detail that is too long for a header is not sent, and the error arrives without it', async () => {
  await using installation = await start([
    adminService(() => Promise.reject(new AppError('invalid', 'bad', 'bad', { details: ['x'.repeat(100_000)] }))),
  ]);
  const error = await rejection(installation.admin().get({}));
  expect(error).toMatchObject({ code: 'bad', details: ['and 1 more'] });
});

test.for([
  [Status.UNIMPLEMENTED, 'unavailable'],
  [Status.UNKNOWN, 'internal'],
  [Status.CANCELLED, 'unavailable'],
  [Status.UNAVAILABLE, 'unavailable'],
  [Status.ABORTED, 'conflict'],
  [Status.OUT_OF_RANGE, 'invalid'],
  [Status.DATA_LOSS, 'internal'],
] as const)('the foreign status %s is of the kind %s, and its text stays private', ([status, kind]) => {
  const error = fromClientError(new ClientError('/a/B', status, 'connect ECONNREFUSED 10.0.0.1'), Metadata());
  expect(error.kind).toBe(kind);
  expect(error.message).not.toContain('10.0.0.1');
});

test('every status there is has a meaning', () => {
  const statuses = Object.values(Status).filter((status) => typeof status === 'number');
  expect(statuses).toHaveLength(17);
  for (const status of statuses) {
    expect(fromClientError(new ClientError('/a/B', status, ''), Metadata())).toBeInstanceOf(AppError);
  }
});

test('a method that the server does not have is unavailable, not a fault of the caller', async () => {
  await using installation = await start([adminService(() => Promise.resolve({ configuration: undefined }))]);
  const error = await rejection(installation.exports().getIndex({ filenameRoot: 'a' }));
  expect(error).toMatchObject({ kind: 'unavailable', code: 'unimplemented' });
});

test('a request above 4 MiB is refused as too large', async () => {
  await using installation = await start([adminService(() => Promise.resolve({ configuration: undefined }))]);
  const authority = (length: number) => ({ configuration: { healthAuthorities: [{ issuer: 'x'.repeat(length) }] } });
  await installation.admin().plan(authority(4 * 1024 * 1024 - 100));
  const error = await rejection(installation.admin().plan(authority(4 * 1024 * 1024)));
  expect(error.kind).toBe('exhausted');
});
