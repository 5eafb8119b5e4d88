/** What an installation may set about publishing. */
import type { TransformSettings } from '../../domain/publish/request.ts';

/** Settings of the publish service. */
export interface PublishSettings extends TransformSettings {
  /** Known keys that the revision token does not list are left out instead of refusing the request. */
  readonly allowPartialRevisions: boolean;
  /** Tolerance for the clocks of health authorities. */
  readonly certificateLeewaySeconds: number;
  /** Longest time from `iat` to `exp`. */
  readonly certificateMaxLifetimeSeconds: number;
  /** Key in the key manager that wraps the data keys of revision tokens. */
  readonly revisionTokenKey: string;
  /** Bound into every revision token; a secret of the installation. */
  readonly revisionTokenAad: Uint8Array;
  /** A token lists at least so many entries. */
  readonly revisionTokenMinLength: number;
  readonly revisionKeyCacheSeconds: number;
  /** At most 30. */
  readonly authorityCacheSeconds: number;
}
