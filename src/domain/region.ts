/** Regions as they are configured, stored and compared. */

const regionForm = /^[A-Z0-9-]{1,20}$/;

/** The form in which regions are compared. */
export function normalRegion(text: string): string {
  return text.trim().toUpperCase();
}

/** True for the normal form of 1 to 20 letters, digits and dashes, such as AA or US-WA. */
export function isRegion(text: string): boolean {
  return regionForm.test(text);
}
