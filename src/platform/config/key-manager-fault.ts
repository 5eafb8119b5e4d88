/** What a key manager needs of the environment before it can be asked anything. */
import { isLoopback } from './address.ts';
import type { Values } from './load.ts';
import type { VariableName } from './variables.ts';

/** What {@link keyManagerFault} looks at. */
export const keyManagerVariables = [
  'ENMESH_KEY_MANAGER',
  'ENMESH_AZURE_KEY_VAULT_URL',
  'ENMESH_VAULT_ADDR',
  'ENMESH_VAULT_TOKEN',
  'ENMESH_VAULT_TOKEN_FILE',
  'ENMESH_VAULT_ROLE',
] as const satisfies readonly VariableName[];

/** Why the key manager cannot be used, with the cure; undefined when it can. */
export function keyManagerFault(values: Pick<Values, (typeof keyManagerVariables)[number]>): string | undefined {
  if (values.ENMESH_KEY_MANAGER === 'azure-key-vault' && values.ENMESH_AZURE_KEY_VAULT_URL === undefined) {
    return 'ENMESH_AZURE_KEY_VAULT_URL is not set: the vault of the keys, such as https://NAME.vault.azure.net';
  }
  return values.ENMESH_KEY_MANAGER === 'vault' ? vaultFault(values) : undefined;
}

function vaultFault(values: Parameters<typeof keyManagerFault>[0]): string | undefined {
  const { ENMESH_VAULT_ADDR: address } = values;
  if (address === undefined)
    return 'ENMESH_VAULT_ADDR is not set, nor VAULT_ADDR: where Vault is, such as https://vault.example.org:8200';
  const { protocol, hostname } = new URL(address);
  const isNear = isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'));
  if (protocol === 'http:' && !isNear) {
    return 'ENMESH_VAULT_ADDR wants https: a token never crosses the network in plain text (an agent on loopback may speak http)';
  }
  const tokens = [values.ENMESH_VAULT_TOKEN, values.ENMESH_VAULT_TOKEN_FILE, values.ENMESH_VAULT_ROLE];
  if (isNear || tokens.some((token) => token !== undefined)) return undefined;
  return 'ENMESH_VAULT_TOKEN is not set, nor VAULT_TOKEN, ENMESH_VAULT_TOKEN_FILE or ENMESH_VAULT_ROLE: Vault knows nobody without a token';
}
