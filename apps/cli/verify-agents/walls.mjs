// `bullpen verify` runs this in two organizations at once. In the one it keeps a token wherever an agent can keep
// something (role `keep`); in the other, meanwhile, it looks for that token and tries the doors (role `try`). Every try
// says what it came to; whether that is right for the tier is judged by the command.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const KEPT_FILE = 'bullpen-verify-';
const KNOCK_WITHIN_MS = 2000;
/** Files of a machine that no agent has any business with; each is there on every Linux. */
const MACHINE_FILES = ['/etc/passwd', '/etc/hostname', '/proc/1/root/etc/passwd'];
/** Names of variables that a worker is given. */
const WORKER_VARIABLE = /^(BULLPEN_|DATABASE_URL|QUEUE_URL|REDIS_URL|PG)/;

export default {
  name: 'walls',
  run: (input, ctx) => (input.role === 'keep' ? keep(input, ctx) : tryAll(input, ctx)),
};

async function keep({ token, writesFile, hasSecret }, ctx) {
  globalThis.bullpenVerifyToken = token;
  process.env.BULLPEN_VERIFY_TOKEN = token;
  const file = join(tmpdir(), `${KEPT_FILE}${ctx.run.id}`);
  if (writesFile) writeFileSync(file, token);
  try {
    await ctx.kv.set('token', token);
    // That its owner can read it is what makes it mean something that others cannot.
    const readsOwn = (await ctx.kv.get('token')) === token && (!hasSecret || (await ctx.secrets.get('VERIFY_SECRET')) === token);
    ctx.emit('kept', { readsOwn });
    await new Promise((resolve) => { ctx.signal.addEventListener('abort', resolve); });
  } finally {
    if (writesFile) rmSync(file, { force: true });
  }
}

async function tryAll({ token, addresses, apiPort }, ctx) {
  return {
    environment: environment(token),
    memory: globalThis.bullpenVerifyToken === undefined ? 'nothing found' : 'REACHED a global of the other organization',
    files: files(token),
    processes: processes(token),
    entries: (await ctx.kv.get('token')) === undefined ? 'nothing found' : 'REACHED an entry of the other organization',
    secrets: await refusal(() => ctx.secrets.get('VERIFY_SECRET')),
    egress: await egress(addresses, ctx),
    network: await network(apiPort),
  };
}

function environment(token) {
  const seen = Object.entries(process.env).filter(([name, value]) => value.includes(token) || WORKER_VARIABLE.test(name));
  return seen.length === 0 ? 'nothing found' : `REACHED ${seen.map(([name]) => name).join(', ')}`;
}

function files(token) {
  const kept = list(tmpdir()).filter((name) => name.startsWith(KEPT_FILE) && read(join(tmpdir(), name))?.includes(token));
  const reached = [...kept.map((name) => join(tmpdir(), name)), ...MACHINE_FILES.filter((path) => read(path) !== undefined)];
  return reached.length === 0 ? 'nothing found' : `REACHED ${reached.join(', ')}`;
}

/** Environments and command lines of whatever processes can be seen. */
function processes(token) {
  const reached = list('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => ['environ', 'cmdline'].map((name) => `/proc/${pid}/${name}`))
    .filter((path) => {
      const text = read(path) ?? '';
      return text.includes(token) || text.split('\0').some((variable) => WORKER_VARIABLE.test(variable));
    });
  return reached.length === 0 ? 'nothing found' : `REACHED ${reached.slice(0, 5).join(', ')}`;
}

async function egress(addresses, ctx) {
  const answers = await Promise.all(addresses.map(async (url) => [url, await refusal(() => ctx.fetch(url))]));
  const reached = answers.filter(([, answer]) => answer !== 'EGRESS_DENIED');
  return reached.length === 0 ? 'EGRESS_DENIED' : `REACHED ${reached.map(([url, answer]) => `${url} (${answer})`).join(', ')}`;
}

async function network(apiPort) {
  const doors = [{ host: '127.0.0.1', port: apiPort }, { host: '::1', port: apiPort }, { host: '169.254.169.254', port: 80 }, { host: '10.0.0.1', port: 80 }];
  const answers = await Promise.all(doors.map(async (door) => [`${door.host}:${door.port}`, await knock(door)]));
  // A refusal by the other side, or no word from it at all, means that the packet left.
  const reached = answers.filter(([, answer]) => ['connected', 'ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'no answer'].includes(answer));
  return reached.length === 0 ? `denied (${[...new Set(answers.map(([, answer]) => answer))].join(', ')})` : `REACHED ${reached.map((one) => one.join(' ')).join(', ')}`;
}

function knock(door) {
  return new Promise((resolve) => {
    try {
      const socket = connect({ ...door, timeout: KNOCK_WITHIN_MS });
      const end = (answer) => { socket.destroy(); resolve(answer); };
      socket.on('connect', () => end('connected')).on('timeout', () => end('no answer')).on('error', (error) => end(error.code ?? 'refused'));
    } catch (error) {
      resolve(error.code ?? 'refused');
    }
  });
}

async function refusal(act) {
  try {
    await act();
    return 'REACHED';
  } catch (error) {
    return error.code ?? String(error);
  }
}

function list(folder) {
  try { return readdirSync(folder); } catch { return []; }
}

function read(path) {
  try { return readFileSync(path, 'latin1'); } catch { return undefined; }
}
