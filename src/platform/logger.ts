/** The one logger: JSON lines of named fields, and how errors look in them. */
import { createRequire } from 'node:module';
import { pino } from 'pino';
import type * as PinoPretty from 'pino-pretty';
import { AppError } from '../domain/errors.ts';

/** What code logs with: named fields first, then a fixed text. Never a body, key, token or address. */
export type Logger = pino.Logger;

/** How to log. */
export interface LoggerOptions {
  /** Least level that is written: `trace` … `error`, or `silent`. */
  readonly level: string;
  /** For people at a terminal instead of JSON lines. */
  readonly pretty: boolean;
  /** Field `name` of every line. */
  readonly name?: string;
  /** Where lines go; standard output when not given. */
  readonly destination?: pino.DestinationStream;
}

/** Makes a logger; errors belong in the field `err`. */
export function createLogger(options: LoggerOptions): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: options.name === undefined ? {} : { name: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError, error: describeError },
  };
  const destination = options.pretty ? prettyStream(options.destination) : options.destination;
  return destination ? pino(settings, destination) : pino(settings);
}

function prettyStream(destination: pino.DestinationStream = process.stdout): pino.DestinationStream {
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty;
  const format = prettyFactory({ colorize: process.stdout.isTTY, translateTime: 'SYS:HH:MM:ss.l' });
  return {
    write: (line) => {
      destination.write(format(line));
    },
  };
}

/** An error as fields of a log line. */
interface ErrorFields {
  readonly kind?: string;
  readonly name?: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorFields;
  readonly errors?: readonly ErrorFields[];
}

/** Causes within causes, and errors of one aggregate, that are written at most. */
const mostCauses = 4;

/**
 * An error's name, code, message and stack, and nothing else that hangs on it: a database error's
 * detail, context and parameters hold data of phones. Faults of the caller come without stack and cause.
 */
function describeError(error: unknown): ErrorFields {
  return describe(error, mostCauses);
}

function describe(error: unknown, depth: number): ErrorFields {
  if (!(error instanceof Error)) return { message: `a thrown ${error === null ? 'null' : typeof error}` };
  const cause = error.cause === undefined || depth === 0 ? {} : { cause: describe(error.cause, depth - 1) };
  if (error instanceof AppError) {
    const fields = { kind: error.kind, code: error.code, message: error.message };
    return error.isCallersFault ? fields : { ...fields, stack: frames(error), ...cause };
  }
  return {
    name: error.name,
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
    message: safeMessage(error),
    stack: frames(error),
    ...cause,
    ...(error instanceof AggregateError && depth > 0
      ? { errors: error.errors.slice(0, mostCauses).map((inner: unknown) => describe(inner, depth - 1)) }
      : {}),
  };
}

/** PostgreSQL quotes the offending value in the message of data exceptions (SQLSTATE class 22). */
function safeMessage(error: Error): string {
  const isDataException =
    'severity' in error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('22');
  return isDataException ? 'the database refused a value' : error.message;
}

/** The stack without its first lines, which repeat the message. */
function frames(error: Error): string {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .map((line) => line.trim())
    .join('\n');
}
