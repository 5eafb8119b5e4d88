/** Which kind of phone a User-Agent tells of; for statistics only. */
import type { Platform } from '../../domain/publish/statistics.ts';

/** Reference 1.12. */
export function platformOf(userAgent: string | undefined): Platform {
  const text = userAgent?.toLowerCase() ?? '';
  if (text.includes('android')) return 'android';
  if (text.includes('iphone') || (text.includes('bluetoothd') && text.includes('cfnetwork'))) return 'ios';
  return 'unknown';
}
