/** The way from a command to a running installation: target, TLS and token from the environment. */
import { connect as connectSocket } from 'node:net';
import { InvalidArgumentError, Option } from 'commander';
import { AppError } from '../domain/errors.ts';
import { hostAndPort } from '../platform/config/address.ts';
import { readValues, type Values } from '../platform/config/load.ts';
import { target as readTarget } from '../platform/config/readers.ts';
import { callSettings, type CallSettings } from '../platform/config/tls-files.ts';
import { createGrpcClient } from '../platform/grpc/client.ts';
import { createHealthClient } from '../platform/grpc/health-client.ts';
import type { Io } from './io.ts';

/** Roles that answer gRPC. */
export type GrpcRole = 'server' | 'export' | 'federation';

/** Whom to ask. */
export interface Connection {
  readonly io: Io;
  readonly role: GrpcRole;
  /** `--server`; undefined = from the environment. */
  readonly server: string | undefined;
  /** Longest call in milliseconds; 30 s when not given. */
  readonly timeoutMs?: number;
}

/** For calls that end when their work ends. */
export const longCallMs = 24 * 3_600_000;
const ordinaryCallMs = 30_000;
const probeMs = 2_000;

const variableNames = {
  server: { target: 'ENMESH_SERVER_TARGET', address: 'ENMESH_GRPC_ADDRESS' },
  export: { target: 'ENMESH_EXPORT_TARGET', address: 'ENMESH_EXPORT_ADDRESS' },
  federation: { target: 'ENMESH_FEDERATION_TARGET', address: 'ENMESH_FEDERATION_ADDRESS' },
} as const;

/** `--server HOST:PORT` of a command that asks `role`. */
export function serverOption(role: GrpcRole): Option {
  const { target, address } = variableNames[role];
  return new Option(
    '--server <host:port>',
    `the ${role} role to ask (default: ${target}, or else ${address})`,
  ).argParser(parseTarget);
}

/** For options that name a role's address. */
export function parseTarget(text: string): string {
  try {
    return readTarget(text);
  } catch (error) {
    throw new InvalidArgumentError(`It ${error instanceof Error ? error.message : 'cannot be read'}.`);
  }
}

type GrpcDefinition = Parameters<typeof createGrpcClient>[0];

/**
 * Calls a role and closes the connection, whatever happens.
 * @throws AppError what the role answered; `unreachable` with the target and the cure when nothing listens there, or
 * what listens does not take the call
 */
export async function withClient<Definition extends GrpcDefinition, T>(
  definition: Definition,
  { io, role, server, timeoutMs = ordinaryCallMs }: Connection,
  work: (client: ReturnType<typeof createGrpcClient<Definition>>['client']) => Promise<T>,
): Promise<T> {
  const values = await readValues(io.env, false);
  const target = server ?? targetOf(role, values);
  const grpc = createGrpcClient(definition, target, await callsTo(role, values, server), { timeoutMs });
  try {
    return await work(grpc.client);
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'unavailable') throw error;
    if (!(await listens(target))) throw unreachable(role, target, error);
    // A role that answers may say the same of somebody whom it calls.
    if (error.code !== 'unavailable' || (await serves(target, await callsTo(role, values, server)))) throw error;
    throw deaf(target, error, values);
  } finally {
    grpc.close();
  }
}

/** Where a role is found: its target, or else its address on this machine. */
export function targetOf(role: GrpcRole, values: Values): string {
  const { target, address } = variableNames[role];
  return values[target] ?? hostAndPort(values[address]);
}

/** How a role is called that is found there. @param server `--server`; undefined = by the environment */
export async function callsTo(role: GrpcRole, values: Values, server?: string): Promise<CallSettings> {
  const isOwn = server === undefined && values[variableNames[role].target] === undefined;
  return await callSettings(values, isOwn ? role : undefined);
}

/** How to get a role to answer. */
export function cureFor(role: GrpcRole): string {
  const { target } = variableNames[role];
  return `start \`enmesh dev\` or \`enmesh serve ${role}\`, or set ${target} to where it runs`;
}

function unreachable(role: GrpcRole, target: string, cause: AppError): AppError {
  const message = `nothing listens at ${target}, where the ${role} role is expected; ${cureFor(role)} (or --server)`;
  return new AppError('unavailable', 'unreachable', message, { cause });
}

function deaf(target: string, cause: AppError, values: Values): AppError {
  const message = `${target} takes connections, but not our call: ${tlsCure(values)}`;
  return new AppError('unavailable', 'unreachable', message, { cause });
}

/** What to look at when a role runs and calls fail: both sides must have TLS, or neither. */
export function tlsCure({ ENMESH_CLIENT_TLS_CA: ca }: Values): string {
  return ca === undefined
    ? 'if the role has TLS, set ENMESH_CLIENT_TLS_CA to who signed its certificate'
    : 'the role must have TLS, ENMESH_CLIENT_TLS_CA must have signed its certificate, and the certificate must name this host';
}

async function serves(target: string, calls: CallSettings): Promise<boolean> {
  const health = createHealthClient(target, calls);
  try {
    return await health.isServing();
  } finally {
    health.close();
  }
}

async function listens(target: string): Promise<boolean> {
  const [, host = '', port = ''] = /^(?:dns:\/\/\/)?\[?(.*?)\]?:(\d+)$/.exec(target) ?? [];
  return await new Promise((resolve) => {
    const socket = connectSocket({ host, port: Number(port), timeout: probeMs });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
}
