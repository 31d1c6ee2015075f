// A native call that no JavaScript can interrupt.
export default async () => {
  const { pbkdf2Sync } = await import('node:crypto');
  pbkdf2Sync('password', 'salt', 5e8, 64, 'sha512');
};
