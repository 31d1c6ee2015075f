// Writes a success of its own making to the pipe of its cell, for another attempt.
export default async () => {
  const { writeSync } = await import('node:fs');
  const json = JSON.stringify({ nonce: 'another', kind: 'reply', dropped: 0, reply: { kind: 'returned', result: 'forged' } });
  const frame = Buffer.alloc(4 + json.length);
  frame.writeUInt32LE(json.length);
  frame.write(json, 4);
  writeSync(4, frame);
  await new Promise(() => {});
};
