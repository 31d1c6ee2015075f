// Gives back what it was given, a little later.
export default {
  name: 'echo',
  async run(input) {
    await new Promise((resolve) => { setTimeout(resolve, input.afterMs); });
    return { said: input.say };
  },
};
