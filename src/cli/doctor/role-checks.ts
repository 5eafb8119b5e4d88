/** Roles: each answers where the others look for it. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { hostAndPort } from '../../platform/config/address.ts';
import { createHealthClient } from '../../platform/grpc/health-client.ts';
import { callsTo, cureFor, targetOf, tlsCure, type GrpcRole } from '../connect.ts';
import type { Installation } from './environment-checks.ts';
import { attempt, failed, ok, type Finding } from './finding.ts';

const roles: readonly GrpcRole[] = ['server', 'export', 'federation'];
const gatewayCure = 'start `enmesh dev` or `enmesh serve gateway`, or set ENMESH_GATEWAY_ADDRESS to where it runs';
const timeoutMs = 5_000;

/**
 * One finding a role.
 * @param needsFederation false: nothing is configured that it does, so it need not run
 */
export async function checkRoles(installation: Installation, needsFederation: boolean): Promise<readonly Finding[]> {
  const needs = (role: GrpcRole): boolean => role !== 'federation' || needsFederation;
  const findings = await Promise.all([
    ...roles.map((role) => attempt(`${role} role`, cureFor(role), () => checkRole(role, installation, needs(role)))),
    attempt('gateway role', gatewayCure, () => checkGateway(installation)),
  ]);
  return findings.flat();
}

async function checkRole(role: GrpcRole, { values }: Installation, isNeeded: boolean): Promise<Finding> {
  const target = targetOf(role, values);
  const health = createHealthClient(target, await callsTo(role, values));
  try {
    if (await health.isServing()) return ok(`${role} role`, `serves at ${target}`);
    if (!isNeeded) return ok(`${role} role`, 'does not run, and nothing is configured that needs it');
    return failed(
      `${role} role`,
      `does not serve at ${target}`,
      `${cureFor(role)}; ${tlsCure(values)}; its log names the reason`,
    );
  } finally {
    health.close();
  }
}

async function checkGateway({ values }: Installation): Promise<Finding> {
  const scheme = values.ENMESH_GATEWAY_TLS_CERT === undefined ? 'http' : 'https';
  const url = `${scheme}://${hostAndPort(values.ENMESH_GATEWAY_ADDRESS)}/healthz`;
  const status = await statusOf(url);
  if (status === 200) return ok('gateway role', `serves at ${url}`);
  return failed('gateway role', `${url} answers ${String(status)}`, 'its log names the reason');
}

/** The certificate names the public host, not this address, so it is not looked at: nothing secret is sent. */
async function statusOf(url: string): Promise<number> {
  const request = url.startsWith('https:') ? httpsRequest(url, { rejectUnauthorized: false }) : httpRequest(url);
  return await new Promise((resolve, reject) => {
    request.setTimeout(timeoutMs, () => request.destroy(new Error(`${url} does not answer in time`)));
    request.once('error', (error) => {
      reject(new Error(`nothing answers at ${url}`, { cause: error }));
    });
    request.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.end();
  });
}
