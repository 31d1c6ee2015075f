// A flood of promises.
export default async () => {
  for (;;) Promise.resolve().then(() => {});
};
