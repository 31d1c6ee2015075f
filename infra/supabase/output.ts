/** One line for whoever applies the script. */
export function say(line: string): void {
  console.log(line);
}
