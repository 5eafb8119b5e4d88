/** Stops everything with a partner, or lets it go on. */
import type { Logger } from '../../platform/logger.ts';
import { recordAudit } from '../../storage/configuration/audit.ts';
import { writePause, type KnownPartner } from '../../storage/partners/partners.ts';
import type { StatusDeps } from './status.ts';

/** What pausing works with. */
export interface PauseDeps extends StatusDeps {
  readonly logger: Logger;
}

/** What to do, and who asks for it. */
export interface PauseRequest {
  readonly isPaused: boolean;
  /** For the audit. */
  readonly actor: string;
}

/**
 * Pauses a partner or lets it go on, with an audit row. Whoever exchanges with it looks at least every 10 s.
 * @returns whether anything changed
 * @throws AppError not_found `partner_not_found` when it was deleted meanwhile
 */
export async function setPaused(
  { database, clock, logger }: PauseDeps,
  { id, name }: KnownPartner,
  { isPaused, actor }: PauseRequest,
): Promise<boolean> {
  const at = clock.forDatabase();
  const action = isPaused ? 'pause' : 'resume';
  const changed = await database.transaction(async (client) => {
    const changed = await writePause(client, id, { isPaused, at });
    if (changed) await recordAudit(client, { actor, action, subject: `partners/${name}`, change: {}, at });
    return changed;
  });
  if (changed) logger.warn({ actor, partner: name }, isPaused ? 'a partner is paused' : 'a partner is resumed');
  return changed;
}
