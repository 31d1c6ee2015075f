// A catastrophic regular expression.
export default async () => {
  return /^(a+)+$/.test(`${'a'.repeat(60)}b`);
};
