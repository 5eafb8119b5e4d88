/** How operators name keys of Azure Key Vault: by the bare name, or by the identifier that the portal shows. */
import { invalidKeyName } from './faults.ts';

/** A key in a vault. */
export interface AzureKeyName {
  readonly vaultUrl: string;
  readonly name: string;
  /** The only one that is used, where the identifier names it. */
  readonly version: string | undefined;
}

/** Azure's own rule. */
const bareName = /^[0-9a-zA-Z-]{1,127}$/;
const identifier = /^(https:\/\/[^/?#@\s]+)\/keys\/([0-9a-zA-Z-]{1,127})(?:\/([0-9a-zA-Z]{1,64}))?\/?$/;

/**
 * `NAME` in the configured vault, or `https://VAULT/keys/NAME[/VERSION]` in any.
 * @throws AppError invalid `invalid_key_name`
 */
export function azureKeyName(given: string, vaultUrl: string): AzureKeyName {
  if (bareName.test(given)) return { vaultUrl, name: given, version: undefined };
  const [, host, name, version] = identifier.exec(given) ?? [];
  if (host !== undefined && name !== undefined) return { vaultUrl: host, name, version };
  throw invalidKeyName(
    'up to 127 of a-z, A-Z, 0-9 and hyphen, or an identifier such as https://VAULT.vault.azure.net/keys/NAME',
  );
}
