import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

import { withInstallLock } from './install-lock.mjs';
import { SetupError, say } from './say.mjs';

/**
 * Installs what the lock file says, unless node_modules carries the stamp of this very lock file.
 * @returns {Promise<{ seconds: string } | null>} null when there was nothing to do
 */
export async function installDependencies(checkoutDir) {
  const stampFile = path.join(checkoutDir, 'node_modules', '.bullpen-installed');
  const wanted = stampOf(checkoutDir);
  const isCurrent = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted;
  if (isCurrent()) return null;
  mustBeWritable(checkoutDir);
  return withInstallLock(checkoutDir, async () => {
    if (isCurrent()) return null; // another start did it meanwhile
    const startedAtMs = Date.now();
    await install(checkoutDir, pnpmVersion(checkoutDir));
    writeFileSync(stampFile, wanted);
    return { seconds: ((Date.now() - startedAtMs) / 1000).toFixed(1) };
  });
}

async function install(checkoutDir, version) {
  say(`installing the locked dependencies with pnpm ${version}`);
  const first = await runPnpm(checkoutDir, version, writableFolders(checkoutDir));
  if (first.code === 0) return;
  // The cache may hold files of another user deeper down than was looked.
  const denied = /\b(EACCES|EPERM|EROFS)\b/.test(first.output);
  const second = denied ? await runPnpm(checkoutDir, version, ownFolders(checkoutDir)) : first;
  if (second.code === 0) return;
  if (second.output.includes('ERR_PNPM_OUTDATED_LOCKFILE')) {
    throw new SetupError(`pnpm-lock.yaml does not match a package.json that was changed: run npx pnpm@${version} install, and commit the lock file with it`);
  }
  const tail = second.output.trim().split('\n').slice(-15).join('\n  ');
  throw new SetupError(`the dependencies could not be installed: npx pnpm@${version} install --frozen-lockfile ended with ${second.code}
  ${tail}
bullpen: check that this machine reaches its npm registry (npm ping), that ${checkoutDir} is yours, and that its disk has 1 GB free; then run the command again`);
}

/** Resolves with the exit code and all output. Never prompts: its stdin is closed, and CI turns questions off. */
function runPnpm(checkoutDir, version, folders) {
  const [command, ...before] = npxCommand();
  const args = [...before, '-y', `pnpm@${version}`, 'install', '--frozen-lockfile', '--reporter=append-only'];
  const env = { ...process.env, CI: 'true', npm_config_yes: 'true', npm_config_update_notifier: 'false', ...folders };
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: checkoutDir, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** npx of the npm that runs us, else the one on PATH. */
function npxCommand() {
  const npm = process.env.npm_execpath ?? '';
  const npx = path.join(path.dirname(npm), 'npx-cli.js');
  return path.basename(npm) === 'npm-cli.js' && existsSync(npx) ? [process.execPath, npx] : ['npx'];
}

/** What a later npx (Turbo wants pnpm) must know of the folders that were chosen at the install. */
export function npmEnv(checkoutDir) {
  const cache = path.join(ownDir(checkoutDir), 'npm');
  return existsSync(cache) ? { npm_config_cache: cache } : {};
}

/** Settings for a user whose npm cache or home cannot be written: the same folders, below the checkout. */
function writableFolders(checkoutDir) {
  const cache = process.env.npm_config_cache ?? path.join(homedir(), '.npm');
  const cacheIsOurs = [cache, path.join(cache, '_cacache'), path.join(cache, '_npx'), path.join(cache, '_logs')].every(isWritable);
  if (cacheIsOurs && isWritable(homedir())) return {};
  return ownFolders(checkoutDir);
}

function ownFolders(checkoutDir) {
  const dir = ownDir(checkoutDir);
  say(`npm's cache or the home folder is not writable by this user, using ${dir} instead`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return {
    HOME: dir,
    npm_config_cache: path.join(dir, 'npm'),
    // Registry, proxy and keys of the user still count.
    npm_config_userconfig: process.env.npm_config_userconfig ?? path.join(homedir(), '.npmrc'),
    XDG_DATA_HOME: path.join(dir, 'data'),
    XDG_CACHE_HOME: path.join(dir, 'cache'),
    XDG_STATE_HOME: path.join(dir, 'state'),
    XDG_CONFIG_HOME: path.join(dir, 'config'),
  };
}

function ownDir(checkoutDir) {
  return path.join(checkoutDir, '.bullpen', 'install');
}

function mustBeWritable(checkoutDir) {
  if (isWritable(checkoutDir) && isWritable(path.join(checkoutDir, 'node_modules'))) return;
  throw new SetupError(`${checkoutDir} is not writable by this user, and its dependencies are not installed: clone the repository into a folder of yours`);
}

/** Whether we may write it, or make it where it is not there yet. */
function isWritable(folder) {
  let existing = folder;
  while (!existsSync(existing) && path.dirname(existing) !== existing) existing = path.dirname(existing);
  try {
    accessSync(existing, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function stampOf(checkoutDir) {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\n`);
  for (const name of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(path.join(checkoutDir, name)));
  return hash.digest('hex');
}

function pnpmVersion(checkoutDir) {
  const { packageManager } = JSON.parse(readFileSync(path.join(checkoutDir, 'package.json'), 'utf8'));
  return packageManager.replace(/^pnpm@/, '');
}
