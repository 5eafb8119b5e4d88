/** `docs/configuration.md`, made from the one table of variables. */
import { variableGroups, type Variable } from './variables.ts';

const intro = `# Configuration

This file is made from \`src/platform/config/variables/\` by \`node src/platform/config/write-docs.ts\`; a test keeps it current.

Enmesh is configured by environment variables. All start with \`ENMESH_\`. What they cannot say (apps, health
authorities, exports, signing keys, partners) stands in a configuration file, see \`enmesh apply\`.

- **Faults.** An unknown \`ENMESH_\` name, a value that cannot be read, or values that the roles to start cannot use together
  stop the start before anything is opened: all faults are printed together, and the exit code is 2. Names that Kubernetes makes for Services (\`ENMESH_…_SERVICE_HOST\`, \`…_SERVICE_PORT…\`, \`…_PORT\`,
  \`…_PORT_<n>_…\`) are ignored.
- **Durations** are a whole number and a unit: \`90s\`, \`15m\`, \`1h\`, \`14d\`.
- **Addresses** are \`HOST:PORT\`, IPv6 in brackets: \`127.0.0.1:8080\`, \`[::1]:8080\`. Port 0 takes any free one.
- **Secrets.** Any value may be a reference instead: \`secret://file/PATH\` is the content of a file (without its last line
  break), \`secret://env/NAME\` another environment variable. \`PATH\` counts from the root, with or without its leading slash;
  from the working directory only where it begins with \`./\` or \`../\`.
- **Development.** Where a variable is not set, \`enmesh dev\` takes the development default, if there is one, before the
  ordinary default.
- **Callers.** An address that is not loopback is refused at the start for gRPC unless certificate and key are set together with
  the CA of client certificates or with caller tokens. Where tokens or that CA are set, callers on loopback are asked too.
`;

/** The whole file. */
export function configurationMarkdown(): string {
  return [intro, ...Object.entries(variableGroups).map(([name, group]) => section(name, group))].join('\n');
}

function section(name: string, group: Readonly<Record<string, Variable<unknown>>>): string {
  const rows = Object.entries(group).map(([variable, declared]) => {
    const { fallback, dev } = declared;
    return `| \`${variable}\` | ${code(fallback)} | ${code(dev)} | ${escaped(meaning(declared))} |`;
  });
  const head = ['| variable | default | in development | meaning |', '|---|---|---|---|'];
  return [`## ${name}`, '', ...head, ...rows, ''].join('\n');
}

function meaning({ doc, also = [] }: Variable<unknown>): string {
  if (also.length === 0) return doc;
  return `${doc} Where it is not set, ${also.map((name) => `\`${name}\``).join(' or ')} counts.`;
}

function code(text: string | undefined): string {
  return text === undefined || text === '' ? '' : `\`${escaped(text)}\``;
}

/** A bar would end the cell, a line break the row. */
function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
