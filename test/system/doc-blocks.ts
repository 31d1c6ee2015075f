/** A fenced block of a page: its language, the words after it (`file=hello/agent.ts`), its text, and where it begins. */
export interface DocBlock {
  readonly language: string;
  readonly words: readonly string[];
  readonly text: string;
  readonly line: number;
}

/** The fenced blocks of a page in their order. */
export function docBlocks(markdown: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  let open: { fence: string; info: string; line: number; lines: string[] } | null = null;
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^\s*(`{3,}|~{3,})\s*(.*)$/.exec(line);
    if (open === null && fence !== null) open = { fence: fence[1]!, info: fence[2]!, line: index + 1, lines: [] };
    else if (open !== null && fence?.[1] === open.fence && fence[2] === '') {
      const [language = '', ...words] = open.info.trim().split(/\s+/);
      blocks.push({ language, words, text: `${open.lines.join('\n')}\n`, line: open.line });
      open = null;
    } else open?.lines.push(line);
  }
  if (open !== null) throw new Error(`the block that begins on line ${open.line} does not end`);
  return blocks;
}

/** Commands that stand indented in a page, where nothing would execute them. */
export function indentedCommands(markdown: string): string[] {
  const outside = markdown.replace(/^(`{3,})[^]*?^\1$/gm, '');
  return outside.split('\n').filter((line) => /^ {4,}(npx|npm|curl|node|docker|kubectl|helm) /.test(line));
}

/** The value of a word such as `file=...`. */
export const wordOf = ({ words }: DocBlock, name: string): string | undefined => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
