import { execFile, type ExecFileException } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { CHECKOUT_DIR } from '@bullpen/infra';

const BIN = fileURLToPath(new URL('../../apps/cli/bin/bullpen.mjs', import.meta.url));
/** No block of a page takes this long, on a slow machine. */
const BLOCK_WITHIN_MS = 120_000;

export interface BlockResult {
  exitCode: number;
  said: string;
}

/**
 * A fresh folder in which the blocks of one page are executed as by a reader in the checkout: `npx bullpen` is the command,
 * `npm start` finds the system up, packages are found. Variables and the folder carry over from block to block.
 */
export class DocFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'bullpen-docs-'));
  readonly #state = join(this.path, '.state');

  constructor(credentials: object) {
    this.write('.bullpen/credentials.json', JSON.stringify(credentials));
    this.write('package.json', '{ "type": "module" }');
    this.write('.state', '');
    mkdirSync(join(this.path, 'node_modules/@bullpen'), { recursive: true });
    symlinkSync(join(CHECKOUT_DIR, 'packages/sdk'), join(this.path, 'node_modules/@bullpen/sdk'));
    symlinkSync(join(CHECKOUT_DIR, 'packages/sdk/node_modules/zod'), join(this.path, 'node_modules/zod'));
    symlinkSync(join(CHECKOUT_DIR, 'packages/json-schema/node_modules/ajv'), join(this.path, 'node_modules/ajv'));
    symlinkSync(join(CHECKOUT_DIR, 'node_modules/@types'), join(this.path, 'node_modules/@types'));
    this.#program('npx', `[ "$1" != node ] || { shift; exec node "$@"; }\n[ "$1" = bullpen ] || { echo "npx $1 is not in the checkout" >&2; exit 2; }\nshift\nexec ${quoted(process.execPath)} ${quoted(BIN)} "$@"`);
    this.#program('npm', NPM);
    this.#program('node', `exec ${quoted(process.execPath)} --disable-warning=ExperimentalWarning "$@"`);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.path, file)), { recursive: true });
    writeFileSync(join(this.path, file), text);
  }

  #program(name: string, script: string): void {
    this.write(`.programs/${name}`, `#!/bin/bash\n${script}\n`);
    chmodSync(join(this.path, '.programs', name), 0o755);
  }

  /** A block of a shell. */
  shell(text: string): Promise<BlockResult> {
    const script = `set -euo pipefail\nset -a\nsource ${quoted(this.#state)}\n${text}\n{ export -p; printf 'cd %q\\n' "$PWD"; } > ${quoted(this.#state)}`;
    return this.#execute('bash', ['--norc', '-c', script]);
  }

  /** A module, with the variables that blocks of the shell exported, and those of the page's readers. */
  async module(file: string, text: string, env: Record<string, string>): Promise<BlockResult> {
    this.write(file, text);
    const variables = Object.entries(env).map(([name, value]) => `${name}=\${${name}:-${quoted(value)}}`).join(' ');
    return this.#execute('bash', ['--norc', '-c', `set -a; source ${quoted(this.#state)}; cd ${quoted(this.path)}; ${variables} exec node ${quoted(file)}`]);
  }

  #execute(program: string, args: readonly string[]): Promise<BlockResult> {
    const env = { PATH: `${join(this.path, '.programs')}:${process.env.PATH}`, HOME: this.path, CHECKOUT: CHECKOUT_DIR, NO_COLOR: '1' };
    return new Promise((resolve) => {
      const child = execFile(program, args, { cwd: this.path, env, timeout: BLOCK_WITHIN_MS, maxBuffer: 64 * 1024 * 1024 }, (error: ExecFileException | null, stdout, stderr) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), said: `${stdout}${stderr}` });
      });
      // Nothing is piped in: commands that read it must not wait.
      child.stdin?.end();
    });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The system is up already, and the suite that runs this is `npm test`: what is asked of npm must be there. */
const NPM = `case "$1" in
  start) exit 0 ;;
  test) shift; [ "\${1:-}" != -- ] || shift
    case "\${1:-all}" in all|lint|structure|types|dashboard|unit|system|security|browser) exit 0 ;; *) echo "npm test has no part $1" >&2; exit 2 ;; esac ;;
  run) shift; [ "$1" != -s ] || shift
    case "$1" in
      test:security) exit 0 ;;
      bench) [ "\${3:-list}" = list ] || [ -f "$CHECKOUT/test/bench/$3.ts" ] || { echo "no benchmark $3" >&2; exit 2; } ;;
      *) echo "package.json has no script $1" >&2; exit 2 ;;
    esac ;;
  *) echo "npm $1 is not shown by the pages" >&2; exit 2 ;;
esac`;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
