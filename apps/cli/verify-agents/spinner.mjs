// Computes and never waits, so that nothing but an end from outside ends it in time; by itself only much later.
export default {
  name: 'spinner',
  run({ forMs }) {
    const untilMs = performance.now() + forMs;
    let turns = 0;
    while (performance.now() < untilMs) turns += 1;
    return { turns };
  },
};
