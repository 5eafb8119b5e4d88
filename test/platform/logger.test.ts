/** What stands in a log line, and what never does. */
import pg from 'pg';
import { expect, test } from 'vitest';
import { AppError } from '../../src/domain/errors.ts';
import { createLogger } from '../../src/platform/logger.ts';

function logged(fields: object, options: { level?: string; pretty?: boolean } = {}): string {
  let text = '';
  const destination = { write: (line: string) => void (text += line) };
  const logger = createLogger({ level: 'info', pretty: false, name: 'test', ...options, destination });
  logger.error(fields, 'it failed');
  return text;
}

function databaseError(code: string, message: string): pg.DatabaseError {
  const error = new pg.DatabaseError(message, message.length, 'error');
  return Object.assign(error, {
    code,
    severity: 'ERROR',
    detail: 'Key (exposure_key)=(\\xsecret-detail) already exists.',
    where: 'COPY exposures, line 1: "secret-where"',
    internalQuery: 'select secret_query',
    parameters: ['secret-parameter'],
  });
}

test('a line is JSON with level, time, name, fields and message, and nothing of the machine', () => {
  const line = JSON.parse(logged({ batch: 7 })) as Record<string, unknown>;
  expect(line).toEqual({ level: 'error', time: expect.any(String), name: 'test', batch: 7, msg: 'it failed' });
  expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('below its level nothing is written', () => {
  expect(logged({}, { level: 'silent' })).toBe('');
  expect(logged({}, { level: 'error' })).not.toBe('');
});

test('an AppError of ours is written with its cause and both stacks', () => {
  const cause = new TypeError('no such thing');
  const { err } = JSON.parse(logged({ err: new AppError('internal', 'broken', 'It broke.', { cause }) })) as Line;
  expect(err).toMatchObject({ kind: 'internal', code: 'broken', message: 'It broke.' });
  expect(err.stack).toContain('logger.test.ts');
  expect(err.cause).toMatchObject({ name: 'TypeError', message: 'no such thing' });
  expect(err.cause?.stack).toContain('logger.test.ts');
});

test("a caller's fault is written with kind, code and message alone", () => {
  const error = new AppError('invalid', 'bad', 'Bad.', { cause: new Error('private'), details: ['a detail'] });
  expect((JSON.parse(logged({ err: error })) as Line).err).toEqual({ kind: 'invalid', code: 'bad', message: 'Bad.' });
});

test.for(['err', 'error'])('a database error in the field %s keeps code and message and loses all data', (field) => {
  const error = databaseError('23505', 'duplicate key value violates unique constraint "exposures_pkey"');
  const text = logged({ [field]: new AppError('internal', 'x', 'y', { cause: error }) });
  expect(text).toContain('23505');
  expect(text).toContain('exposures_pkey');
  expect(text).not.toMatch(/secret/);
});

test('the message of a data exception, which quotes the value, is not written, not even in the stack', () => {
  const text = logged({ err: databaseError('22P02', 'invalid input syntax for type bytea: "secret-value"') });
  expect(text).toContain('22P02');
  expect(text).not.toMatch(/secret/);
});

test('further fields of an error are never written', () => {
  const text = logged({ err: Object.assign(new Error('x'), { config: { token: 'secret' }, response: 'secret' }) });
  expect(text).not.toContain('secret');
});

test('something thrown that is no Error is written by its type alone', () => {
  expect((JSON.parse(logged({ err: 'secret' })) as Line).err).toEqual({ message: 'a thrown string' });
  expect((JSON.parse(logged({ err: null })) as Line).err).toEqual({ message: 'a thrown null' });
});

test('the errors of an AggregateError are written, and a chain of causes ends', () => {
  const loop = new Error('loop');
  loop.cause = loop;
  const { err } = JSON.parse(logged({ err: new AggregateError([new Error('one'), loop], 'two failed') })) as Line;
  expect(err.errors?.map(({ message }) => message)).toEqual(['one', 'loop']);
});

test('pretty lines are for people', () => {
  const text = logged({ batch: 7 }, { pretty: true });
  expect(text).toContain('it failed');
  expect(() => void JSON.parse(text)).toThrow();
});

interface ErrorFields {
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorFields;
  readonly errors?: readonly ErrorFields[];
}

interface Line {
  readonly err: ErrorFields;
}
