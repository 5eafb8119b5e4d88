/** A key as a partner sent it: nothing of it is judged yet. */
import type { ReportType } from '../publish/report-type.ts';
import type { KeyEvent, SharedKey } from './shared-key.ts';

/** A {@link SharedKey} that may be wrong in every part: any number where one is meant, null where a word is not known. */
export interface SentKey extends Omit<SharedKey, 'event' | 'reportType'> {
  readonly event: KeyEvent | null;
  readonly reportType: ReportType | null;
}
