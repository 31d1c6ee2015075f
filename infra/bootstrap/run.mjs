// The way in to every command: `node infra/bootstrap/run.mjs up|test|bench|cli [args]`. It runs on any Node from 20 with nothing
// installed, so it is plain JavaScript and imports nothing but Node. It installs the locked dependencies when they are
// missing or the lock file changed, picks the Node that the project runs on, and hands over to a TypeScript entry:
// arguments, stdio, signals and exit code pass through. What it says goes to stderr, so that stdout is the command's.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { chooseNode } from './choose-node.mjs';
import { installDependencies, npmEnv } from './install.mjs';
import { SetupError, say } from './say.mjs';

const CHECKOUT_DIR = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Command -> its entry, and the Node flags it needs. */
const ENTRIES = {
  up: { file: 'infra/local/up.ts', quiet: true },
  test: { file: 'infra/checks/test.ts' },
  bench: { file: 'infra/checks/bench.ts' },
  cli: { file: 'apps/cli/src/main.ts', quiet: true },
};

async function main() {
  const startedAtMs = Date.now();
  const [name = '', ...args] = process.argv.slice(2);
  const entry = Object.hasOwn(ENTRIES, name) ? ENTRIES[name] : undefined;
  if (!entry) throw new SetupError(`usage: node infra/bootstrap/run.mjs ${Object.keys(ENTRIES).join('|')} [arguments]`);
  const installed = await installDependencies(CHECKOUT_DIR);
  const node = chooseNode(CHECKOUT_DIR);
  if (installed || !entry.quiet) say(`Node ${node.version} (${node.from})${installed ? `, dependencies installed in ${installed.seconds} s` : ''}`);
  const env = {
    ...process.env,
    ...npmEnv(CHECKOUT_DIR),
    PATH: [path.join(CHECKOUT_DIR, 'node_modules', '.bin'), process.env.PATH].filter(Boolean).join(path.delimiter),
    BULLPEN_STARTED_AT_MS: String(startedAtMs),
  };
  handOver(node.file, ['--disable-warning=ExperimentalWarning', path.join(CHECKOUT_DIR, entry.file), ...args], env);
}

/**
 * The fourth descriptor is a channel that carries nothing: when this process is killed it closes, and an entry that
 * stays up takes that as a request to stop.
 */
function handOver(file, args, env) {
  const child = spawn(file, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env });
  const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  stopWithNpm(child);
  child.on('error', (error) => fail(new SetupError(`${file} cannot be executed: ${error.message}`)));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1)));
}

/** npm that is killed cannot pass that on; seen by our parent changing. */
function stopWithNpm(child) {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, 500).unref();
}

function fail(error) {
  say(error instanceof SetupError ? error.message : (error.stack ?? String(error)));
  process.exit(1);
}

main().catch(fail);
