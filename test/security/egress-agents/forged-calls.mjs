// Learns the nonce of its own cell from a frame on its way out, and writes calls to the pipe that our code would not: for another
// organization, of unknown methods, without the shape of a call, the same number again and again.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export default async (input, ctx) => {
  const writeSync = fs.writeSync;
  const { write } = Buffer.prototype;
  let nonce = '';
  const listen = (text) => { nonce ||= /"nonce":"([^"]+)"/.exec(text)?.[1] ?? ''; };
  fs.writeSync = (fd, buffer, ...rest) => {
    listen(buffer.toString('latin1'));
    return writeSync(fd, buffer, ...rest);
  };
  syncBuiltinESMExports();
  Buffer.prototype.write = function (text, ...rest) {
    listen(text);
    return write.call(this, text, ...rest);
  };
  await ctx.kv.set('mine', 1);
  if (nonce === '') return 'learned no nonce';
  const say = (call) => {
    const json = JSON.stringify({ nonce, kind: 'call', call });
    const frame = Buffer.alloc(4 + Buffer.byteLength(json));
    frame.writeUInt32LE(frame.length - 4);
    frame.write(json, 4);
    writeSync(4, frame);
  };
  say({ id: 900_001, method: 'kv.get', params: { key: 'canary', orgId: 'canary' } });
  say({ id: 900_002, method: 'kv.get', params: { key: 'canary' }, orgId: 'canary' });
  say({ id: 900_003, method: 'constructor', params: {} });
  say({ id: 900_004, method: '__proto__', params: null });
  say({ id: -1, method: 'kv.get', params: { key: 'mine' } });
  say({ id: '900_005', method: 'kv.get', params: { key: 'mine' } });
  for (let i = 0; i < 1000; i += 1) say({ id: 900_006, method: 'secrets.get', params: { name: 'TOKEN' } });
  for (let i = 0; i < 1000; i += 1) say({ id: 910_000 + i, method: 'fetch.open', params: { exchange: 1, url: 'http://169.254.169.254/' } });
  for (const junk of [null, [], 'call', 7, { id: 1 }]) say(junk);
  // Our own call waits its turn behind the forged ones, or is refused.
  let mine;
  while (mine === undefined) mine = await ctx.kv.get('mine').catch(() => undefined);
  return mine === 1 ? 'inert' : 'confused';
};
