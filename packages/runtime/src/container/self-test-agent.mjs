// What a worker runs in a cell of each kind when it starts: tries what the wall must deny. Each case returns true where it
// was denied. It is an agent like any other and can be deployed as one.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';

const denied = (/** @type {() => unknown} */ act) => {
  try {
    act();
    return false;
  } catch {
    return true;
  }
};

/** The first process of the namespace has an environment without a variable. */
const readsNothing = (/** @type {string} */ path) => denied(() => readFileSync(path)) || readFileSync(path).length === 0;

const reachesNobody = () => new Promise((resolve) => {
  const socket = connect({ host: '169.254.169.254', port: 80 });
  socket.on('error', () => resolve(true));
  socket.on('connect', () => resolve(false));
});

export default async function selfTest() {
  return {
    'reads no file of the machine': denied(() => readFileSync('/etc/passwd')) && denied(() => readdirSync('/')),
    'reads no environment of another process': readsNothing('/proc/1/environ') && Object.keys(process.env).length === 0,
    'writes nothing but its tmpfs': denied(() => writeFileSync('/bundle/x', '')) && !denied(() => writeFileSync('/tmp/x', '')),
    'starts no process': denied(() => spawnSync('/cell/node')),
    'starts no thread of its own': denied(() => new Worker('', { eval: true })),
    'opens no connection': await reachesNobody(),
    'sees no process of the machine': process.pid < 10 && process.ppid <= 1,
  };
}
