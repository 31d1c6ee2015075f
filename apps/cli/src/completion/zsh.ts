import type { Grammar } from './grammar.ts';
import { CONNECTION_FLAGS, quoted, valueText } from './script-text.ts';

/** Sourced, it registers itself; in a folder of `fpath`, as `_name`, the function is what is loaded when it is first needed. */
export const zshScript = (name: string, { words, values }: Grammar): string => `#compdef ${name}
# ${name} completion for zsh: source <(${name} completion zsh)
_${name}_words() {
  case "$1" in
${[...words].map(([path, offered]) => `    ${quoted(path)}) reply=(${offered.map(({ word, about }) => quoted(`${word}:${about.replaceAll(':', '\\:')}`)).join(' ')}) ;;`).join('\n')}
  esac
}
_${name}_values() {
  case "$1" in
${[...values].map(([place, of]) => `    ${quoted(place)}) REPLY=${quoted(valueText(of))} ;;`).join('\n')}
    *) REPLY="" ;;
  esac
}
_${name}_option_values() {
  _${name}_values "$1 $2"; [[ -n "$REPLY" ]] || _${name}_values " $2"
}
${offerFunction(name)}if [[ "\${funcstack[1]}" == "_${name}" ]]; then
  _${name} "$@"
else
  (( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit; }
  compdef _${name} ${name}
fi`;

const offerFunction = (name: string): string => `_${name}() {
  local line_so_far="" word option="" taken="" values="" REPLY=""
  local -i place=0
  local -a reply connection
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n "$option" ]]; then
      case "$option" in ${CONNECTION_FLAGS.join('|')}) connection+=("$option" "$word") ;; esac
      option=""; continue
    fi
    if [[ "$word" == --*=* ]]; then
      case "\${word%%=*}" in ${CONNECTION_FLAGS.join('|')}) connection+=("$word") ;; esac
      continue
    fi
    if [[ "$word" == -* ]]; then
      _${name}_option_values "$line_so_far" "$word"; taken="$REPLY"
      [[ -n "$taken" ]] && option="$word"
      continue
    fi
    reply=(); _${name}_words "$line_so_far"
    if (( \${#\${(@M)reply:#\${(b)word}:*}} )); then line_so_far="\${line_so_far:+$line_so_far }$word"; place=0; else place+=1; fi
  done
  if [[ -z "$option" && "$PREFIX" == --*=* ]]; then
    option="\${PREFIX%%=*}"
    _${name}_option_values "$line_so_far" "$option"; taken="$REPLY"
    compset -P '*='
  fi
  if [[ -n "$option" ]]; then
    values="$taken"
  elif [[ "$PREFIX" != -* ]]; then
    _${name}_values "$line_so_far $place"; [[ -n "$REPLY" ]] || _${name}_values "$line_so_far rest"
    values="$REPLY"
  fi
  case "$values" in
    '@names '*) values="$("\${words[1]}" names "\${values#@names }" "\${connection[@]}" 2>/dev/null)" ;;
    @files) _files; return ;;
    @free) values="" ;;
  esac
  if [[ -n "$values" ]]; then compadd -- \${=values}; return; fi
  [[ -n "$option" ]] && return 1
  reply=(); _${name}_words "$line_so_far"
  _describe '${name}' reply
}
`;
