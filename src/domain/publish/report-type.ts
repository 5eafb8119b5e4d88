/** Report types: their numbers in storage and export files, and what each does to the transmission risk. */

/** Result of the diagnosis; `none` = the publish carried no certificate. */
export type ReportType = 'none' | 'confirmed' | 'likely' | 'user-report' | 'negative';

/** Numbers as in export files. */
export const reportTypeCodes = {
  none: 0,
  confirmed: 1,
  likely: 2,
  'user-report': 3,
  negative: 5,
} as const satisfies Record<ReportType, number>;

const typesByCode = new Map(
  Object.entries(reportTypeCodes).map(([type, code]) => [code as number, type as ReportType]),
);

/** The report type of a stored number; a number that nobody gives out is `none`. */
export function reportTypeOfCode(code: number): ReportType {
  return typesByCode.get(code) ?? 'none';
}

/** True for the four values that a certificate may carry (reference 3.2). */
export function isCertifiedReportType(text: string): text is Exclude<ReportType, 'none'> {
  return text !== 'none' && Object.hasOwn(reportTypeCodes, text);
}

/** Risk of a key that came without one (reference 4.6); self reports get none, as deployed. */
const backfilledRisks: Readonly<Record<ReportType, number>> = {
  none: 0,
  confirmed: 2,
  likely: 4,
  negative: 6,
  'user-report': 0,
};

/** The risk as sent, or the report type's own where none was sent. */
export function transmissionRiskOf(reportType: ReportType, sent: number): number {
  return sent === 0 ? backfilledRisks[reportType] : sent;
}
