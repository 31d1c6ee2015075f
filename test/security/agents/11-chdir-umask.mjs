// Changes what belongs to the process. In a thread Node refuses; a cell's process is its own.
export default async () => {
  const tries = [() => process.chdir('/tmp'), () => process.umask(0), () => process.setuid(0)];
  const refused = tries.filter((act) => { try { act(); return false; } catch { return true; } }).length;
  if (refused === tries.length) return 'denied';
  return process.getuid() === 0 ? 'is root' : 'inert';
};
