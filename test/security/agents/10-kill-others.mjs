// Signals its parent, and pids of the machine (the low ones are its own threads).
export default async () => {
  const { ppid } = process;
  const others = Array.from({ length: 400 }, (_, i) => i + 100);
  const reached = others.filter((pid) => { try { return process.kill(pid, 0); } catch { return false; } });
  try { process.kill(ppid, 'SIGKILL'); } catch { /* refused */ }
  return reached.length === 0 ? 'denied' : reached;
};
