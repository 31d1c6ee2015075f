// One array that V8 answers by aborting the process.
export default async () => {
  return new Array(1e8).fill(0).length;
};
