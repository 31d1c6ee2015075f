// Climbs to the function constructor for `process`, and does with it what it can.
export default async () => {
  const found = constructor.constructor('return process')();
  try {
    const shell = found.getBuiltinModule('node:child_process').spawnSync('/bin/sh', ['-c', 'true']);
    return shell.status === 0 ? 'escaped' : 'inert';
  } catch {
    return 'inert';
  }
};
