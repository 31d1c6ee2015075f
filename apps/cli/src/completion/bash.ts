import type { Grammar } from './grammar.ts';
import { CONNECTION_FLAGS, quoted, valueText } from './script-text.ts';

/** For bash 3.2 and later. What is offered is compared and quoted, never evaluated: `compgen -W` executes a `$(...)` among names. */
export const bashScript = (name: string, { words, values }: Grammar): string => `# ${name} completion for bash: source <(${name} completion bash)
_${name}_words() {
  case "$1" in
${[...words].map(([path, offered]) => `    ${quoted(path)}) printf '%s ' ${offered.map(({ word }) => word).join(' ')} ;;`).join('\n')}
  esac
}
_${name}_values() {
  case "$1" in
${[...values].map(([place, of]) => `    ${quoted(place)}) printf '%s' ${quoted(valueText(of))} ;;`).join('\n')}
  esac
}
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word option="" taken="" place=0 values=""
  local -a connection=() offered=()
  # readline breaks words at "=": --org=acme is three of them.
  [[ "$current" == "=" ]] && current=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ "$word" == "=" ]] && continue
    if [[ -n "$option" ]]; then
      case "$option" in ${CONNECTION_FLAGS.join('|')}) connection+=("$option" "$word") ;; esac
      option=""; continue
    fi
    if [[ "$word" == -* ]]; then
      taken="$(_${name}_values "$path $word")"; [[ -n "$taken" ]] || taken="$(_${name}_values " $word")"
      [[ -n "$taken" ]] && option="$word"
      continue
    fi
    case " $(_${name}_words "$path") " in *" $word "*) path="\${path:+$path }$word"; place=0 ;; *) place=$((place + 1)) ;; esac
  done
  if [[ -n "$option" ]]; then
    values="$taken"
  elif [[ "$current" != -* ]]; then
    values="$(_${name}_values "$path $place")"; [[ -n "$values" ]] || values="$(_${name}_values "$path rest")"
  fi
  COMPREPLY=()
  case "$values" in
    '@names '*) values="$("\${COMP_WORDS[0]}" names "\${values#@names }" \${connection[@]+"\${connection[@]}"} 2>/dev/null)" ;;
    @files) _${name}_files "$current"; return ;;
    @free) values="" ;;
  esac
  [[ -n "$option" || -n "$values" ]] || values="$(_${name}_words "$path")"
  IFS=$' \\t\\n' read -r -d '' -a offered <<< "$values"
  for word in \${offered[@]+"\${offered[@]}"}; do [[ "$word" == "$current"* ]] && COMPREPLY+=("$(printf '%q' "$word")"); done
}
# readline itself completes files best, with their blanks; before bash 4 it does so only where it always does.
if type compopt &>/dev/null; then
  _${name}_files() { compopt -o default; }
  complete -F _${name} ${name}
else
  _${name}_files() { :; }
  complete -o default -F _${name} ${name}
fi`;
