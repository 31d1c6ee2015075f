// Changes what belongs to the process: the process is its own.
export default async () => {
  process.chdir('/tmp');
  process.umask(0);
  try { process.setuid(0); } catch { return 'inert'; }
  return process.getuid();
};
