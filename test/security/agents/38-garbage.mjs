// Writes what is no frame to the pipe of its cell.
export default async () => {
  const { writeSync } = await import('node:fs');
  writeSync(4, Buffer.from([2, 0, 0, 0, 0x7b, 0x7b]));
  await new Promise(() => {});
};
