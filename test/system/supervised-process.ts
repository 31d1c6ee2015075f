/** A process to be supervised: ready at once; ends by itself on SIGUSR2, cleanly on SIGTERM or when its input ends. */
const say = (msg: string): boolean => process.stdout.write(`${JSON.stringify({ msg, pid: process.pid })}\n`);

process.on('SIGUSR2', () => process.exit(3));
process.on('SIGTERM', () => {
  say('stopped');
  process.exit(0);
});
process.stdin.on('end', () => process.exit(0)).resume();
say('ready');
