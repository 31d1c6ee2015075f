// Climbs to the function constructor for `process`, and does with it what it can.
export default async () => {
  const found = constructor.constructor('return process')();
  try {
    found.getBuiltinModule('node:child_process').spawnSync('/bin/sh');
  } catch {
    return 'inert';
  }
  return 'escaped';
};
