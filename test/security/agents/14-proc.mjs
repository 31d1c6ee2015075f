// Reads environments and memory of processes, and files of the machine by the root of another process.
export default async () => {
  const { readFileSync } = await import('node:fs');
  const paths = ['/proc/self/environ', `/proc/${process.ppid}/environ`, '/proc/1/environ', '/proc/1/mem', '/proc/1/root/etc/passwd', '/etc/shadow'];
  // bubblewrap itself names the working directory in an environment that is empty.
  const tells = (path) => readFileSync(path, 'latin1').replace('PWD=/\0', '') !== '';
  return paths.filter((path) => { try { return tells(path); } catch { return false; } }).join() || 'denied';
};
