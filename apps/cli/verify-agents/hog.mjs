// Holds ever more memory. Where nobody stops it, it stops by itself, so that the check harms no machine.
export default {
  name: 'hog',
  async run({ mostMb }) {
    const held = [];
    for (let heldMb = 0; heldMb < mostMb; heldMb += 1) {
      // 128 Ki numbers of 8 bytes, none of them alike.
      held.push(Array.from({ length: 131_072 }, (_, i) => heldMb + i / 7));
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    return { heldMb: held.length };
  },
};
