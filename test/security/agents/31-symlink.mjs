// A symbolic link out of where it may read.
export default async () => {
  const fs = await import('node:fs');
  try {
    fs.symlinkSync('/etc', '/tmp/out');
    fs.readFileSync('/tmp/out/passwd');
  } catch { return 'denied'; }
  return 'read';
};
