/** Partners: their issuers can be read, and each is called by the federation role as it is to exchange keys. */
import { AppError } from '../../domain/errors.ts';
import { PartnerServiceDefinition } from '../../gen/enmesh/federation/v1/partners.ts';
import type { Values } from '../../platform/config/load.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { withClient } from '../connect.ts';
import type { Io } from '../io.ts';
import { cureOf, ownRefusals } from '../partner-cures.ts';
import { count } from '../table.ts';
import type { Installation } from './environment-checks.ts';
import { attempt, ok, skipped, type Finding } from './finding.ts';
import { readIssuer } from './read-issuer.ts';

const cure =
  "docs/federation.md tells what each side must set: address, TLS, and both sides' issuer, subject and audience; `enmesh federation check` repeats the call";

/** Two findings a partner: its issuer, and where we call it, a handshake. */
export async function checkPartners(
  io: Io,
  { values }: Installation,
  partners: readonly KnownPartner[],
): Promise<readonly Finding[]> {
  const findings = partners.map(async (partner) => [
    ...(await checkIssuer(values, partner)),
    ...(await checkCalls(io, partner)),
  ]);
  return (await Promise.all(findings)).flat();
}

async function checkIssuer(values: Values, { name, identity }: KnownPartner): Promise<readonly Finding[]> {
  const check = `issuer of ${name}`;
  return await attempt(check, cure, async () => {
    const keys = await readIssuer(values, identity.issuer, { setting: 'identity.issuer', mayBePrivate: false });
    return ok(check, `${identity.issuer} publishes ${count(keys, 'key')}`);
  });
}

async function checkCalls(io: Io, { name, pausedAt, pull, push }: KnownPartner): Promise<readonly Finding[]> {
  const check = `partner ${name}`;
  if (pull === null && push === null) return [];
  if (pausedAt !== null) return [skipped(check, `is paused; \`enmesh federation resume ${name}\` lets it go on`)];
  return await attempt(check, cureOfCall, async () => {
    const connection = { io, role: 'federation', server: undefined } as const;
    const answer = await withClient(PartnerServiceDefinition, connection, (client) =>
      client.checkPartner({ name }),
    ).catch(withoutRole);
    if (answer === undefined) return skipped(check, 'waits for the federation role, which cannot be asked');
    const proof = answer.isServerVerified
      ? 'and proves who it is'
      : 'and proves nothing, which the configuration allows';
    return ok(check, `answers in ${String(answer.roundTripMs)} ms (${answer.version}) ${proof}`);
  });
}

/** That the role is away is told by the check of the role. */
function withoutRole(error: unknown): undefined {
  if (!(error instanceof AppError) || error.code !== 'unreachable') throw error;
}

const cureOfRefusal =
  'where that is what our own federation role says of this call, see docs/operations.md, roles apart; `enmesh federation check` repeats it';

/** As `enmesh federation check` tells it. */
function cureOfCall(error: unknown): string {
  if (error instanceof AppError && ownRefusals.has(error.code)) return cureOfRefusal;
  return (error instanceof AppError ? cureOf(error.code) : undefined) ?? cure;
}
