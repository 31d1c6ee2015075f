// Reads environments and memory of processes.
export default async () => {
  const { readFileSync } = await import('node:fs');
  const paths = ['/proc/self/environ', `/proc/${process.ppid}/environ`, '/proc/1/mem', '/proc/1/root/etc/passwd', '/etc/shadow'];
  return paths.filter((path) => { try { readFileSync(path); return true; } catch { return false; } }).join() || 'denied';
};
