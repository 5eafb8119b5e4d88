/** Who may call what: the one table from gRPC method to caller roles. What does not stand here is denied. */

/** What a caller may be: the edge for phones, somebody who looks, somebody who acts. */
export type CallerRole = 'gateway' | 'read' | 'operate';

/** All of them. */
export const callerRoles: readonly CallerRole[] = ['gateway', 'read', 'operate'];

const operators: readonly CallerRole[] = ['operate'];
const readers: readonly CallerRole[] = ['read', 'operate'];
const gateways: readonly CallerRole[] = ['gateway', 'operate'];
const everyRole: readonly CallerRole[] = callerRoles;

/** Full method path → the roles that may call it. */
export const allowedRoles: ReadonlyMap<string, readonly CallerRole[]> = new Map([
  ['/enmesh.publish.v1.PublishService/Publish', gateways],
  ['/enmesh.publish.v1.PublishStreamService/PublishMany', gateways],
  ['/enmesh.publish.v1.StatsService/GetStats', gateways],

  ['/enmesh.export.v1.ExportService/GetIndex', everyRole],
  ['/enmesh.export.v1.ExportService/GetFile', everyRole],
  ['/enmesh.export.v1.ExportService/GetPublicKeys', everyRole],
  ['/enmesh.export.v1.ExportService/Run', operators],
  ['/enmesh.export.v1.ExportService/ListBatches', readers],
  ['/enmesh.export.v1.ExportService/Reprocess', operators],
  ['/enmesh.export.v1.ExportService/RotateSigningKey', operators],
  ['/enmesh.export.v1.ExportService/GetSigningKey', readers],
  ['/enmesh.export.v1.ExportService/Plan', readers],
  ['/enmesh.export.v1.ExportService/ExplainKey', readers],
  ['/enmesh.export.v1.MirrorService/RunMirrors', operators],
  ['/enmesh.export.v1.MirrorService/ListMirrors', readers],

  ['/enmesh.federation.v1.ImportService/RunImports', operators],
  ['/enmesh.federation.v1.ImportService/ListImports', readers],
  ['/enmesh.federation.v1.ImportService/RetryImports', operators],

  ['/enmesh.federation.v1.PartnerService/Pull', operators],
  ['/enmesh.federation.v1.PartnerService/Push', operators],
  ['/enmesh.federation.v1.PartnerService/ListPartners', readers],
  ['/enmesh.federation.v1.PartnerService/CheckPartner', operators],
  ['/enmesh.federation.v1.PartnerService/SetPaused', operators],
  ['/enmesh.federation.v1.PartnerService/Drain', operators],
  ['/enmesh.federation.v1.PartnerService/ListQuarantine', readers],
  ['/enmesh.federation.v1.PartnerService/ReplayQuarantine', operators],
  ['/enmesh.federation.v1.IdentityService/GetIdentity', everyRole],
  ['/enmesh.federation.v1.IdentityService/RotateIdentityKey', operators],

  ['/enmesh.admin.v1.AdminService/Plan', readers],
  ['/enmesh.admin.v1.AdminService/Apply', operators],
  ['/enmesh.admin.v1.AdminService/Get', readers],

  ['/enmesh.operations.v1.OperationsService/Cleanup', operators],
  ['/enmesh.operations.v1.OperationsService/ListJobs', readers],
  ['/enmesh.operations.v1.OperationsService/RotateRevisionKeys', operators],
  ['/enmesh.operations.v1.OperationsService/RefreshJwks', operators],
  ['/enmesh.operations.v1.OperationsService/SetHold', operators],
  ['/enmesh.operations.v1.OperationsService/ListHolds', readers],
  ['/enmesh.operations.v1.OperationsService/ExplainPublish', readers],
  ['/enmesh.operations.v1.OperationsService/Withdraw', operators],
  ['/enmesh.operations.v1.OperationsService/ListWithdrawals', readers],
]);

/** Methods for other authorities: each call proves who it is to the service itself, by an ID token, and has no caller role. */
export const partnerMethods: ReadonlySet<string> = new Set([
  '/Federation/Fetch',
  '/enmesh.federation.v1.FederationService/Handshake',
  '/enmesh.federation.v1.FederationService/Subscribe',
  '/enmesh.federation.v1.FederationService/Push',
]);

/** True when one of the caller's roles may call the method. */
export function mayCall(methodPath: string, roles: ReadonlySet<CallerRole>): boolean {
  return allowedRoles.get(methodPath)?.some((role) => roles.has(role)) ?? false;
}

/** The role of that name, undefined for any other word. */
export function callerRole(word: string): CallerRole | undefined {
  return callerRoles.find((role) => role === word);
}
