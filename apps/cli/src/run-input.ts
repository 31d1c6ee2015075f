import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { BullpenError, SIZE_CAPS, messageOf } from '@bullpen/core';

export interface InputOptions {
  input?: string;
  inputFile?: string;
}

/** The input of a run: `--input`, else `--input-file` (`-` is stdin), else what is piped in, else null. */
export async function readInput(options: InputOptions, cwd: string, readStdin: () => Promise<string | null>): Promise<unknown> {
  if (options.input !== undefined && options.inputFile !== undefined) {
    throw new BullpenError('INVALID_REQUEST', 'give --input or --input-file, not both');
  }
  if (options.input !== undefined) return parseInput(options.input, '--input');
  if (options.inputFile !== undefined && options.inputFile !== '-') return parseInput(readText(resolve(cwd, options.inputFile)), options.inputFile);
  const piped = await readStdin();
  if (piped === null || piped.trim() === '') {
    if (options.inputFile === '-') throw new BullpenError('INVALID_REQUEST', 'nothing came from stdin: pipe JSON in, or give --input');
    return null;
  }
  return parseInput(piped, 'stdin');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new BullpenError('NOT_FOUND', `cannot read the input file ${path}: ${messageOf(error)}`, { path });
  }
}

function parseInput(text: string, from: string): unknown {
  const bytes = Buffer.byteLength(text);
  if (bytes > 4 * SIZE_CAPS.inputBytes) throw new BullpenError('INPUT_TOO_LARGE', `the input from ${from} has ${bytes} bytes, at most ${SIZE_CAPS.inputBytes} are taken`);
  try {
    return JSON.parse(text);
  } catch (error) {
    const hint = from === '--input' ? ' (quote it for your shell: --input \'{"name":"Ada"}\')' : '';
    throw new BullpenError('INVALID_JSON', `the input from ${from} is not JSON: ${messageOf(error)}${hint}`);
  }
}
