/** Opens the key manager that the settings name; only its client is loaded. */
import { systemClock, type Clock } from '../clock.ts';
import type { KeyManager } from './key-manager.ts';
import { retryTerms, RetryingKeyManager } from './retrying.ts';
import type { KeyManagerSettings } from './settings.ts';

/** Nothing is read or made yet. What the key manager is asked is tried again where that can help. */
export async function openKeyManager(settings: KeyManagerSettings, clock: Clock = systemClock): Promise<KeyManager> {
  const terms = retryTerms(settings.callTimeoutMs);
  return new RetryingKeyManager(await open(settings, { ...terms, clock }), terms);
}

async function open(
  settings: KeyManagerSettings,
  { clock, callTimeoutMs }: { readonly clock: Clock; readonly callTimeoutMs: number },
): Promise<KeyManager> {
  switch (settings.kind) {
    case 'filesystem':
      return new (await import('./filesystem.ts')).FilesystemKeyManager(settings.dir, clock);
    case 'aws-kms':
      return await (await import('./aws.ts')).openAwsKms(callTimeoutMs);
    case 'gcp-kms':
      return (await import('./gcp.ts')).openGcpKms(settings, callTimeoutMs);
    case 'azure-key-vault':
      return (await import('./azure.ts')).openAzureKeyVault(settings, { clock, callTimeoutMs });
    case 'vault':
      return await (await import('./vault.ts')).openVault(settings, { clock, callTimeoutMs });
  }
}
