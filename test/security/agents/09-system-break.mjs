// Breaks into a debugger that is not there.
export default async () => {
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--allow-natives-syntax');
  new Function('%SystemBreak()')();
};
