/** A partner as the sender of keys. */
import { authorityId } from '../../domain/federation/authority-id.ts';
import { acceptRule, pullRule } from '../../domain/federation/intake-rule.ts';
import type { IntakeDirection } from '../../storage/partners/partner-quarantine.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import type { Sender } from './take-in.ts';

/** The partner as it is configured now, and what it may send that way. */
export function senderOf(partner: KnownPartner, direction: IntakeDirection): Sender {
  return {
    partnerId: partner.id,
    authority: authorityId(partner.identity),
    direction,
    hasWithdrawals: direction === 'push' || partner.pull?.protocol !== 'fetch',
    rule: direction === 'pull' ? pullRule(partner.pull) : acceptRule(partner.accept),
  };
}
