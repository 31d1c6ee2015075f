// A flood of log lines.
export default async () => {
  for (let i = 0; i < 50_000; i += 1) console.log(i);
  return 'flooded';
};
