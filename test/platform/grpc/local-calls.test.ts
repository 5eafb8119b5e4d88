/** A role of the same process is called as one over the network is: the same messages, errors, limits and measurements. */
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { AdminServiceDefinition } from '../../../src/gen/enmesh/admin/v1/admin.ts';
import type { GrpcService } from '../../../src/platform/grpc/server.ts';
import { adminService, rejection, start, type TestInstallation } from './installation.ts';

const ways = [
  ['over the network', ({ admin }: TestInstallation) => admin()],
  ['within the process', ({ server }: TestInstallation) => server.localClient(AdminServiceDefinition)],
] as const;

/** Answers when a timer of 1 ms, set before, has fired. */
async function answerLaterThanTheShortestTimer(): Promise<{ configuration: undefined }> {
  await setTimeout(20);
  return { configuration: undefined };
}

const refusing = (error: Error): GrpcService => adminService(() => Promise.reject(error));

describe.each(ways)('a call %s', (_way, clientOf) => {
  test('gives a message with its defaults, which is not the object that the other side holds', async () => {
    const answer = { configuration: undefined };
    await using installation = await start([adminService(() => Promise.resolve(answer))]);
    const got = await clientOf(installation).get({});
    expect(got).toEqual({ configuration: undefined });
    expect(got).not.toBe(answer);
  });

  test('rejects with the error that was thrown', async () => {
    const thrown = new AppError('invalid', 'bad_request', 'it is wrong: mend it', { details: ['one', 'two'] });
    await using installation = await start([refusing(thrown)]);
    const { kind, code, message, details } = await rejection(clientOf(installation).get({}));
    expect({ kind, code, message, details }).toEqual({
      kind: 'invalid',
      code: 'bad_request',
      message: 'it is wrong: mend it',
      details: ['one', 'two'],
    });
  });

  test('writes of a refusal its code, not its words, which may be those of the request', async () => {
    await using installation = await start([
      refusing(new AppError('unauthenticated', 'unknown_issuer', 'not AAECAw==')),
    ]);
    await rejection(clientOf(installation).get({}));
    expect(installation.lines).toContainEqual(expect.objectContaining({ code: 'unknown_issuer', msg: 'call refused' }));
    expect(JSON.stringify(installation.lines)).not.toContain('AAECAw');
  });

  test('tells nothing of an error that nobody foresaw, and logs it', async () => {
    await using installation = await start([refusing(new Error('secret'))]);
    const error = await rejection(clientOf(installation).get({}));
    expect(error).toMatchObject({ kind: 'internal', code: 'internal_error', message: 'Internal Server Error' });
    const failures = installation.lines.filter((line) => line['level'] === 'error');
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ method: '/enmesh.admin.v1.AdminService/Get' });
  });

  test('is counted with its status', async () => {
    await using installation = await start([refusing(new AppError('not_found', 'not_found', 'no such thing'))]);
    await rejection(clientOf(installation).get({}));
    const { body } = await installation.metrics.render();
    const labels = '{method="/enmesh.admin.v1.AdminService/Get",code="NOT_FOUND"}';
    expect(body).toContain(`enmesh_grpc_requests_total${labels} 1`);
  });

  test('ends at its deadline although the other side goes on, and aborts its signal', async () => {
    const aborted = Promise.withResolvers<undefined>();
    const service = adminService(({ signal }) => {
      signal.addEventListener('abort', () => {
        aborted.resolve(undefined);
      });
      return Promise.withResolvers<never>().promise;
    });
    await using installation = await start([service], { stopTimeoutMs: 50 });
    const error = await rejection(clientOf(installation).get({}, { timeoutMs: 1_000 }));
    expect(error).toMatchObject({ kind: 'timeout', code: 'deadline_exceeded' });
    await aborted.promise;
  });

  test('is given the time it asks for, be it longer than any timer', async () => {
    await using installation = await start([adminService(answerLaterThanTheShortestTimer)]);
    const call = clientOf(installation).get({}, { timeoutMs: 4_294_967_295 });
    await expect(call).resolves.toEqual({ configuration: undefined });
  });

  test('ends with an AbortError when its caller goes away, and does not begin when he has gone before', async () => {
    let calls = 0;
    const service = adminService(() => {
      calls++;
      return Promise.withResolvers<never>().promise;
    });
    await using installation = await start([service], { stopTimeoutMs: 50 });
    const gone = await rejection(clientOf(installation).get({}, { signal: AbortSignal.abort() }));
    expect([gone.name, calls]).toEqual(['AbortError', 0]);
    const controller = new AbortController();
    const call = rejection(clientOf(installation).get({}, { signal: controller.signal }));
    controller.abort();
    expect((await call).name).toBe('AbortError');
  });
});
