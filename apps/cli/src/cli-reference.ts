import type { Command, Option } from 'commander';

import { EXIT_MEANINGS } from './exit-codes.ts';
import { describeProgram } from './program.ts';

/** docs/cli.md, from the commands themselves: `node apps/cli/src/write-reference.ts` writes it, a test compares it. */
export function renderCliReference(): string {
  const program = describeProgram();
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const groups = Map.groupBy(commands, (command) => command.helpGroup() ?? '');
  return [
    INTRODUCTION,
    '## Options of every command', '', ...optionTable(program.options), '',
    '## Exit codes', '', '| code | meaning |', '| --- | --- |', ...EXIT_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning.replace('docs/errors.md', '[errors.md](errors.md)')} |`), '',
    CONFIGURATION,
    ...[...groups].flatMap(([group, members]) => [`## ${group.replace(/:$/, '')}`, '', ...members.flatMap((command) => section(command, []))]),
  ].join('\n').trimEnd() + '\n';
}

const INTRODUCTION = `# The command: \`bullpen\`

Generated from the command itself; \`npx bullpen help COMMAND\` says the same in a terminal. In a checkout it is \`npx bullpen\`; from
anywhere else \`apps/cli/bin/bullpen.mjs\` of the checkout by its path. Where there is no checkout, install the package
\`@bullpen/cli\` (Node 20.16 or newer; \`node infra/packaging/pack.ts\` builds it into \`apps/cli/dist\`).

Results go to stdout, what accompanies them (events, progress, hints, errors) to stderr, so that results can be piped on. Colours, live
lines and progress bars are for terminals only; \`NO_COLOR\` takes the colours away. Tables fit the terminal: columns that matter less are
left out where it is narrow, none where the output is piped.

With \`--json\` stdout holds one JSON value, whatever the command; an error is one on stderr, \`{"error":{"code":...,"message":...}}\`. With
\`--json-lines\` what is followed comes as it happens, a value a line: \`run\`, \`logs\`, \`top\`.
`;

const CONFIGURATION = `## Where address, key and organization come from

| | flag | environment | bullpen.config.ts | .bullpen/credentials.json |
| --- | --- | --- | --- | --- |
| address | \`--url\` | \`BULLPEN_API_URL\` | \`apiUrl\` | \`apiUrl\` |
| key | \`--key\` | \`BULLPEN_API_KEY\` | | \`orgs\`, \`adminKey\` |
| organization | \`--org\` | \`BULLPEN_ORG\` | \`org\` | the first of \`orgs\` |

What stands further left wins; an empty variable counts as none. \`NO_COLOR\` and \`TERM=dumb\` take the colours away. \`npm start\` writes
the credentials file; it is looked for in the folder, those above it, and the checkout. A key of that file is only sent to the address
that stands beside it.

\`bullpen.config.ts\` (also \`.mts\`, \`.js\`, \`.mjs\`) is looked for in the folder and those above it, up to the root of the repository. It is
code, and is run. A name that is not in this list is refused:

| field | meaning |
| --- | --- |
| \`apiUrl\` | where the API is |
| \`org\` | the organization |
| \`agents\` | what \`bullpen deploy\` deploys where no file is named: files or folders, relative to the config |
| \`deploy.to\` | the deployment that \`bullpen deploy\` points at what is new |
| \`deploy.sourcemap\` | false: bundles without source maps |

Completion: \`source <(npx bullpen completion bash)\`, \`source <(npx bullpen completion zsh)\`, \`npx bullpen completion fish | source\`; the scripts are for
the name \`bullpen\`.
`;

function section(command: Command, path: readonly string[]): string[] {
  const names = [...path, command.name()];
  const children = command.commands.filter((child) => child.name() !== 'help');
  const title = [`### \`bullpen ${names.join(' ')}\``, '', `${sentence(command.description())}`, ''];
  if (children.length > 0) return [...title, ...children.flatMap((child) => section(child, names))];
  const args = command.registeredArguments.map((argument) => ({ term: argument.required ? `<${argument.name()}>` : `[${argument.name()}${argument.variadic ? '...' : ''}]`, about: argument.description }))
    .filter(({ about }) => about !== '');
  const usage = ['bullpen', ...names, ...command.registeredArguments.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}${argument.variadic ? '...' : ''}]`))].join(' ');
  const rows = [...args.map(({ term, about }) => row(term, about)), ...command.options.filter(({ hidden }) => !hidden).map((option) => row(option.flags, aboutOf(option)))];
  return [...title, `    ${usage}${command.options.length > 0 ? ' [options]' : ''}`, '', ...(rows.length === 0 ? [] : ['| | |', '| --- | --- |', ...rows, ''])];
}

const optionTable = (options: readonly Option[]): string[] => ['| | |', '| --- | --- |', ...options.map((option) => row(option.flags, aboutOf(option)))];

const row = (term: string, about: string): string => `| \`${term}\` | ${about.replaceAll('|', '\\|')} |`;

function aboutOf({ description, argChoices, defaultValue }: Option): string {
  const choices = argChoices === undefined ? '' : ` (${argChoices.join(', ')})`;
  const standard = defaultValue === undefined || typeof defaultValue === 'boolean' ? '' : `; ${String(defaultValue)} where left out`;
  return `${description}${choices}${standard}`;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
