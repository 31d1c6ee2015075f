// Internal bindings and native addons.
export default async () => {
  const denied = (act) => { try { act(); return false; } catch { return true; } };
  return denied(() => process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libm.so.6')) && denied(() => process.binding('spawn_sync')) ? 'denied' : 'done';
};
