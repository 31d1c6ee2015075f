// Writes to the pipe that it gets its frames from: a socket takes that too, and whoever reads it has work that nobody counts.
export default async () => {
  const { writeSync } = await import('node:fs');
  const words = Buffer.alloc(1024 * 1024, 'x');
  for (;;) {
    try {
      writeSync(3, words);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
};
