/** Variables of the process as a whole. */
import * as read from '../readers.ts';
import { optional, variable } from './declare.ts';

export const general = {
  ENMESH_CONFIG: optional(read.text, 'Configuration file, applied at start as `enmesh apply` does.'),
  ENMESH_DATA_DIR: optional(
    read.text,
    'Folder of the embedded database, of filesystem blobs and of filesystem keys.',
    '.enmesh',
  ),
  ENMESH_LOG_LEVEL: variable(
    read.oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    'Least level that is logged.',
    'info',
  ),
  ENMESH_MAINTENANCE_MODE: variable(read.bool, 'Publish and stats answer 503.', 'false'),
  ENMESH_STOP_TIMEOUT: variable(
    read.positiveDuration,
    'Longest time from the wish to stop to the end of the process.',
    '10s',
  ),
  ENMESH_STOP_DRAIN: variable(
    read.duration,
    'When asked to stop, the process says that it is not ready but takes new requests for so long, so that load balancers notice; part of ENMESH_STOP_TIMEOUT.',
    '1s',
    '0s',
  ),
} as const;
