/** What phones can follow. */

/** A day: windows must divide it, so that they start alike every day. */
export const daySeconds = 86_400;

/** Files a day: iOS takes 15, Android 20 (reference 3.8). */
export const mostFilesADay = 15;

/** A cached index may be a day old and still name a file (reference 3.4). */
export const leastGraceSeconds = 86_400;

/**
 * Keys in one file: what Apple's "Setting Up a Key Server" and Google's "Exposure Key Export File Format and
 * Verification" name as the upper bound.
 */
export const mostKeysForPhones = 750_000;
