/** Every command of `enmesh`, in the order of its help. */
import type { LazyCommand } from '../lazy-commands.ts';

/** Loaded when called. */
export const commands: readonly LazyCommand[] = [
  {
    name: 'dev',
    summary: 'run every role on an embedded PostgreSQL, with development defaults',
    load: async (setup) => (await import('./dev.ts')).devCommand(setup),
  },
  {
    name: 'demo',
    summary: 'two authorities in one terminal: a key crosses the border, and a phone there is warned',
    load: async (setup) => (await import('./demo.ts')).demoCommand(setup),
  },
  {
    name: 'serve',
    argument: '[roles...]',
    summary: 'run roles: gateway, server, export, federation; none named = all',
    load: async (setup) => (await import('./serve.ts')).serveCommand(setup),
  },
  {
    name: 'migrate',
    summary: 'bring the database schema up to date and stop',
    load: async (setup) => (await import('./migrate.ts')).migrateCommand(setup),
  },
  {
    name: 'apply',
    summary: 'make the configuration be what a file says',
    load: async (setup) => (await import('./apply.ts')).applyCommand(setup),
  },
  {
    name: 'export',
    summary: 'build, list, plan, explain, rebuild, verify and show export files',
    load: async (setup) => await (await import('./export.ts')).exportCommand(setup),
  },
  {
    name: 'import',
    argument: '[name]',
    summary: "import other authorities' files, or show where imports stand",
    load: async (setup) => (await import('./import.ts')).importCommand(setup),
  },
  {
    name: 'federation',
    summary: 'exchange keys with neighbouring authorities',
    load: async (setup) => await (await import('./federation.ts')).federationCommand(setup),
  },
  {
    name: 'keys',
    summary: 'list, create, rotate and show signing keys',
    load: async (setup) => await (await import('./keys.ts')).keysCommand(setup),
  },
  {
    name: 'publish',
    summary: 'act as a phone: make keys and a certificate, publish, print the answer',
    load: async (setup) => (await import('./publish.ts')).publishCommand(setup),
  },
  {
    name: 'explain',
    summary: 'show step by step what becomes of a publish',
    load: async (setup) => (await import('./explain.ts')).explainCommand(setup),
  },
  {
    name: 'mirror',
    argument: '[name]',
    summary: "bring copies of other authorities' files up to date now",
    load: async (setup) => (await import('./mirror.ts')).mirrorCommand(setup),
  },
  {
    name: 'hold',
    summary: 'stop an app, a health authority or an export, or let it go on',
    load: async (setup) => (await import('./hold.ts')).holdCommand(setup),
  },
  {
    name: 'withdraw',
    summary: 'take back keys of an app, a health authority, a partner or an import',
    load: async (setup) => (await import('./withdraw.ts')).withdrawCommand(setup),
  },
  {
    name: 'rotate-revision-keys',
    summary: 'rotate the data keys of revision tokens now',
    load: async (setup) => (await import('./rotate-revision-keys.ts')).rotateRevisionKeysCommand(setup),
  },
  {
    name: 'jwks',
    summary: 'read the JWKS of health authorities now',
    load: async (setup) => (await import('./jwks.ts')).jwksCommand(setup),
  },
  {
    name: 'cleanup',
    summary: 'delete now what is past its time',
    load: async (setup) => (await import('./cleanup.ts')).cleanupCommand(setup),
  },
  {
    name: 'jobs',
    summary: 'show the job queue',
    load: async (setup) => (await import('./jobs.ts')).jobsCommand(setup),
  },
  {
    name: 'doctor',
    summary: 'check everything that an installation depends on',
    load: async (setup) => (await import('./doctor.ts')).doctorCommand(setup),
  },
];
