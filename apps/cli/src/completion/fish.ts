import type { Grammar } from './grammar.ts';
import { CONNECTION_FLAGS, valueText } from './script-text.ts';

/** One function that says what may come next, with a tab before what it is. A rule for each word would know neither values of options before nor places. */
export const fishScript = (name: string, grammar: Grammar): string => `# ${name} completion for fish: ${name} completion fish | source
${grammarText(name, grammar)}
${readLine(name)}${offer(name)}complete -c ${name} -e
complete -c ${name} -f -a '(__${name}_offer)'`;

const grammarText = (name: string, { words, values }: Grammar): string => `function __${name}_words
  switch "$argv[1]"
${[...words].map(([path, offered]) => `    case ${quoted(path)}\n      printf '%s\\t%s\\n' ${offered.map(({ word, about }) => `${quoted(word)} ${quoted(about)}`).join(' ')}`).join('\n')}
    case '*'
      return 1
  end
end
function __${name}_values
  switch "$argv[1]"
${[...values].map(([place, of]) => `    case ${quoted(place)}\n      echo ${quoted(valueText(of))}`).join('\n')}
    case '*'
      return 1
  end
end`;

/** What the words before the cursor come to. */
const readLine = (name: string): string => `function __${name}_option_values
  __${name}_values "$argv[1] $argv[2]"; or __${name}_values " $argv[2]"
end
function __${name}_offer
  set -l line (commandline -opc)
  set -l current (commandline -ct)
  set -l path ''
  set -l option ''
  set -l taken ''
  set -l place 0
  set -l connection
  set -l start ''
  for word in $line[2..]
    if test -n "$option"
      contains -- $option ${CONNECTION_FLAGS.join(' ')}; and set -a connection $option $word
      set option ''
      continue
    end
    if string match -q -- '--*=*' $word
      contains -- (string split -m 1 = -- $word)[1] ${CONNECTION_FLAGS.join(' ')}; and set -a connection $word
      continue
    end
    if string match -q -- '-*' $word
      set taken (__${name}_option_values "$path" $word); and set option $word
      continue
    end
    set -l candidate (string trim -- "$path $word")
    if __${name}_words $candidate >/dev/null
      set path $candidate
      set place 0
    else
      set place (math $place + 1)
    end
  end
`;

/** The rest of the same function: what may come here. */
const offer = (name: string): string => `  if test -z "$option"; and string match -q -- '--*=*' "$current"
    set -l halves (string split -m 1 = -- $current)
    set option $halves[1]
    set start "$option="
    set current $halves[2]
    set taken (__${name}_option_values "$path" $option)
  end
  set -l offered
  if test -n "$option"
    set offered $taken
  else if not string match -q -- '-*' "$current"
    set offered (__${name}_values "$path $place"; or __${name}_values "$path rest")
  end
  switch "$offered"
    case '@names *'
      set offered ($line[1] names (string replace '@names ' '' -- $offered) $connection 2>/dev/null)
    case @files
      set offered (__fish_complete_path "$current")
    case @free
      set offered
    case '*'
      set offered (string split -n ' ' -- "$offered")
  end
  if test -n "$offered"
    printf '%s\\n' $start$offered
  else if test -n "$option"
    return
  else if string match -q -r -- '^[^-]' "$current"
    # fish also offers what only contains the letters: no options to whoever types none.
    __${name}_words "$path" | string match -r -- '^[^-].*'
  else
    __${name}_words "$path"
  end
end
`;

/** As one word of fish, in which a backslash also escapes between single quotes. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
