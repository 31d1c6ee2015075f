import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';

import { BullpenError, SLUG_PATTERN, messageOf } from '@bullpen/core';

import { templateFiles, type Template } from '../agent-template.ts';
import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';

export interface InitOptions {
  name?: string;
  template: Template;
}

/** `bullpen init [dir]`: a small agent that deploys as it stands. Writes nothing where anything would be overwritten. */
export const initCommand: CommandAction<InitOptions> = async ({ deps, output, options }, given) => {
  const dir = resolve(deps.cwd, given ?? '.');
  const name = options.name ?? slugOf(basename(dir));
  if (!SLUG_PATTERN.test(name)) throw new BullpenError('INVALID_REQUEST', `"${name}" cannot name an agent: use lower-case letters, digits and dashes`);
  const files = templateFiles(options.template, name, dir);
  const taken = Object.keys(files).filter((file) => existsSync(join(dir, file)));
  if (taken.length > 0) {
    throw new BullpenError('ALREADY_EXISTS', `${dir} has ${taken.join(', ')} already, nothing was written: choose another folder`, { dir, taken });
  }
  write(dir, files);
  const shown = relative(deps.cwd, dir) || '.';
  if (options.json === true) output.json({ name, template: options.template, dir, files: Object.keys(files) });
  else for (const line of nextSteps(name, shown, files)) output.result(line);
  return EXIT.ok;
};

function slugOf(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 63).replace(/^-|-$/g, '');
}

function write(dir: string, files: Readonly<Record<string, string>>): void {
  try {
    mkdirSync(dir, { recursive: true });
    // `wx` refuses to overwrite what appeared since the check.
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      writeFileSync(join(dir, file), text, { flag: 'wx' });
    }
  } catch (error) {
    throw new BullpenError('INVALID_REQUEST', `cannot write to ${dir}: ${messageOf(error)}`, { dir });
  }
}

const ABOUT: Readonly<Record<string, string>> = {
  'agent.ts': 'the agent: edit this', 'input.json': 'an input to try it on', 'README.md': 'how to run it', 'tsconfig.json': 'types for your editor',
  'bullpen.config.ts': 'which agents there are, and where they go',
};

function nextSteps(name: string, dir: string, files: Readonly<Record<string, string>>): string[] {
  const width = Math.max(...Object.keys(files).map((file) => join(dir, file).length));
  const runs = files['input.json'] === undefined
    ? [`  npx bullpen run ${name}-greeter --input '{"name":"Ada"}'`]
    : [`  npx bullpen run ${name} --input-file ${join(dir, 'input.json')}`];
  // Several agents are known by the config of their folder.
  const deploy = files['agent.ts'] === undefined && dir !== '.' ? `  cd ${dir} && npx bullpen deploy` : `  npx bullpen deploy ${dir}`;
  return [
    `${name} is ready:`,
    ...Object.keys(files).map((file) => `  ${join(dir, file).padEnd(width)}  ${ABOUT[file] ?? 'an agent: edit this'}`),
    '',
    'Next:',
    deploy,
    ...runs,
  ];
}
