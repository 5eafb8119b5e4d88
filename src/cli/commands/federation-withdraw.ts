/** `enmesh federation withdraw`: takes back everything that a partner brought. */
import { Command } from 'commander';
import { WithdrawalScope } from '../../gen/enmesh/operations/v1/operations.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import { withdrawKeys, withWithdrawOptions, type WithdrawOptions } from '../withdrawals.ts';

/** The command. */
export function federationWithdrawCommand({ io }: CommandSetup): Command {
  const command = new Command('withdraw')
    .description(
      'Take keys that a partner brought back for good: published ones go out again as revoked, others are deleted. ' +
        'Pause the partner first.',
    )
    .argument('<partner>', 'name of the partner');
  return withWithdrawOptions(command).action(async (name: string, options: WithdrawOptions) => {
    await withdrawKeys(io, { scope: WithdrawalScope.PARTNER, name }, options);
  });
}
