// Floods stderr past everything that counts log lines, and tells whether somebody read it as fast as it came.
const MOST_BYTES = 32 * 1024 * 1024;

export default async () => {
  const { writeSync } = await import('node:fs');
  const words = Buffer.alloc(1024 * 1024, 'x');
  const endsAt = performance.now() + 300;
  let written = 0;
  while (performance.now() < endsAt && written < MOST_BYTES) {
    try {
      written += writeSync(2, words);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
  return written < MOST_BYTES ? 'held' : 'all was read';
};
