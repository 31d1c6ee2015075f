// Native addons, and a process by Node's internal bindings, past the module that would refuse it.
export default async () => {
  const got = [];
  const attempt = (what, act) => { try { if (act()) got.push(what); } catch { /* refused */ } };
  attempt('an addon', () => { process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libm.so.6'); return true; });
  attempt('a process', () => {
    const stdio = [{ type: 'pipe', readable: true, writable: false }];
    const { status } = process.binding('spawn_sync').spawn({ file: '/bin/sh', args: ['sh', '-c', 'true'], envPairs: [], stdio });
    return status === 0;
  });
  return got.join() || 'denied';
};
