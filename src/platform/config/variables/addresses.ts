/** Variables of where roles listen, and where they find each other. */
import * as read from '../readers.ts';
import { optional, variable } from './declare.ts';

export const addresses = {
  ENMESH_GATEWAY_ADDRESS: variable(read.address, 'HTTP for phones.', '127.0.0.1:8080'),
  ENMESH_GRPC_ADDRESS: variable(read.address, 'Server role: core and operations RPCs.', '127.0.0.1:9090'),
  ENMESH_EXPORT_ADDRESS: variable(read.address, 'Export role.', '127.0.0.1:9091'),
  ENMESH_FEDERATION_ADDRESS: variable(read.address, 'Federation role: partners.', '127.0.0.1:9092'),
  ENMESH_METRICS_ADDRESS: variable(
    read.address,
    '`/metrics`, `/healthz` and `/readyz`; one per process.',
    '127.0.0.1:9100',
  ),
  ENMESH_SERVER_TARGET: optional(
    read.target,
    'Where other roles and the command line find the server role; its address when not set.',
  ),
  ENMESH_EXPORT_TARGET: optional(read.target, 'Where they find the export role; its address when not set.'),
  ENMESH_FEDERATION_TARGET: optional(read.target, 'Where they find the federation role; its address when not set.'),
} as const;
