#!/usr/bin/env node
// The door of the command, in JavaScript that old Nodes can read: the sources are TypeScript, which the project's own
// Node runs as it is. Where this Node is older, the same command is started again with the project's.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_MAJOR = 24;

/** `node_modules/.bin/node` of the nearest folder above this file that has one. */
function projectNode() {
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    const candidate = join(dir, 'node_modules', '.bin', 'node');
    if (existsSync(candidate)) return candidate;
    if (dir === dirname(dir)) return undefined;
  }
}

function startAgain(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both processes; what is sent to this one alone must reach the other.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}

function fail(message) {
  process.stderr.write(`bullpen: ${message}\n`);
  process.exitCode = 2;
}

if (Number.parseInt(process.versions.node, 10) >= OLDEST_MAJOR) {
  await import('../src/main.ts');
} else {
  const node = projectNode();
  if (node === undefined) fail(`this needs Node ${OLDEST_MAJOR} or newer; run \`npm start\` in the checkout once, it brings its own`);
  else startAgain(node);
}
