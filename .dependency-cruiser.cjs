/** The import table of docs/architecture.md, enforced. */
const folders = ['domain', 'platform', 'storage', 'gateway', 'server', 'export', 'federation', 'cli'];

/** Folder → folders (and files) that it may import, besides itself. */
const mayImport = {
  domain: [],
  platform: ['domain/(errors|caller-roles)\\.ts$', 'gen/'],
  storage: ['domain/', 'platform/', '^migrations/index\\.ts$'],
  gateway: ['domain/', 'platform/', 'gen/'],
  server: ['domain/', 'platform/', 'storage/', 'gen/'],
  export: ['domain/', 'platform/', 'storage/', 'gen/'],
  federation: ['domain/', 'platform/', 'storage/', 'gen/'],
  cli: ['domain/', 'platform/', 'gen/', 'roles\\.ts$'],
};

const tableRules = folders.map((folder) => ({
  name: `${folder}-imports`,
  severity: 'error',
  from: {
    path: `^src/${folder}/`,
    ...(folder === 'cli' ? { pathNot: '^src/cli/commands/(migrate|doctor)\\.ts$|^src/cli/doctor/' } : {}),
  },
  to: {
    path: '^(src|migrations)/',
    pathNot: [`^src/${folder}/`, ...mayImport[folder].map((path) => (path.startsWith('^') ? path : `^src/${path}`))],
  },
}));

/** What stands beside src: migrations hold SQL alone, and a benchmark meets the product as a client does. */
const besideRules = [
  { name: 'migrations-imports', from: { path: '^migrations/' }, to: { path: '^(src|bench|test)/' } },
  {
    name: 'bench-imports',
    from: { path: '^bench/' },
    to: { path: '^(src|migrations|test)/', pathNot: '^src/(gen|platform)/' },
  },
  { name: 'src-imports', from: { path: '^src/' }, to: { path: '^(bench|test)/' } },
].map((rule) => ({ severity: 'error', ...rule }));

const grpcHome = '^src/(platform/grpc/|gen/|.+/(service|start|wire)\\.ts$)';

/** Third-party package → where it may be imported. */
const homes = {
  // graphile-worker is given a pool of ours: its own drops its error handlers before its connections close.
  pg: '^(src/storage/|migrations/|bench/|src/platform/jobs/pool\\.ts$)',
  'pg-copy-streams': '^(src/storage/|bench/)',
  knex: '^(src/storage/|migrations/)',
  'graphile-worker': '^src/platform/jobs',
  'prom-client': '^src/platform/metrics\\.ts$',
  pino: '^src/platform/logger',
  'pino-pretty': '^src/platform/logger',
  fastify: '^src/gateway/',
  'nice-grpc': grpcHome,
  'nice-grpc-common': grpcHome,
  'nice-grpc-server-health': grpcHome,
  'nice-grpc-server-reflection': grpcHome,
  '@grpc/grpc-js': '^src/(platform/(grpc/|key-manager/gcp)|gen/)',
  commander: '^src/(main\\.ts$|cli/)',
  yauzl: '^src/platform/read-zip\\.ts$',
  yaml: '^src/cli/',
  '@noble/curves': '^src/platform/key-manager/',
  'lru-cache': '^src/(gateway|server|federation)/',
  'rate-limiter-flexible': '^src/(gateway/rate-limit|federation)/',
  // Vault has no client of its own for Node.
  undici: '^src/platform/(download|key-manager/vault)',
  '@google-cloud/storage': '^src/storage/blob/gcs',
  '@aws-sdk/client-s3': '^src/storage/blob/s3',
  '@azure/storage-blob': '^src/storage/blob/azure',
  '@google-cloud/kms': '^src/platform/key-manager/gcp',
  '@aws-sdk/client-kms': '^src/platform/key-manager/aws',
  '@azure/keyvault-keys': '^src/platform/key-manager/azure',
  '@azure/identity': '^src/(platform/key-manager|storage/blob)/azure',
  zod: '^src/(domain/configuration|cli/export-file)/',
  'google-auth-library': '^src/federation/auth/',
  jose: '^src/(server/(attestation|jwks)|federation/auth)/',
  cborg: '^src/server/attestation/',
  '@peculiar/x509': '^src/server/attestation/',
  'reflect-metadata': '^src/server/attestation/',
  '@bufbuild/protobuf': '^src/(gen/|platform/grpc/)',
};

const homeRules = Object.entries(homes).map(([name, path]) => ({
  name: `home-of-${name}`,
  severity: 'error',
  from: { path: '^(src|migrations|bench)/', pathNot: path },
  to: { path: `^node_modules/(@types/)?${name}/`, dependencyTypesNot: ['type-only'] },
}));

/** A new package says here where it lives. */
const homeless = {
  name: 'package-without-home',
  severity: 'error',
  from: { path: '^(src|migrations|bench)/' },
  to: { path: '^node_modules/', pathNot: `^node_modules/(@types/)?(${Object.keys(homes).join('|')}|node)/` },
};

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'roles-imported-by-cli-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli/|main\\.ts$)' },
      to: { path: '^src/roles\\.ts$' },
    },
    {
      name: 'resources-imported-by-roles-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/roles\\.ts$' },
      to: { path: '^src/resources\\.ts$' },
    },
    {
      name: 'generated-types-stop-at-the-wire',
      severity: 'error',
      from: { path: '^src/(server|export|federation|gateway)/', pathNot: '(wire|service|start|revision-token)\\.ts$' },
      to: { path: '^src/gen/' },
    },
    ...tableRules,
    ...besideRules,
    ...homeRules,
    homeless,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      conditionNames: ['import', 'require', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
