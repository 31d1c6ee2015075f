// Announces 500 MB on the pipe of its cell, past our code.
export default async () => {
  const { writeSync } = await import('node:fs');
  const header = Buffer.alloc(4);
  header.writeUInt32LE(5e8);
  writeSync(4, header);
  for (;;) writeSync(4, Buffer.alloc(1 << 16));
};
