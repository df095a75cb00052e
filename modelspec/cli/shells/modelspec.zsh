#compdef modelspec
# Completion of `modelspec` for zsh: in ~/.zshrc, after compinit,
#   eval "$(modelspec completion zsh)"
# or in a file `_modelspec` in a folder of $fpath.

_modelspec_completion() {
    local program=${words[1]/#\~\//$HOME/} type value help
    local -a response plain open told told_open
    response=("${(@f)$(COMP_TYPED="${(j: :)words[1,CURRENT]}" \
        _MODELSPEC_COMPLETE=zsh_complete $program 2>/dev/null </dev/null)}")

    [[ ${words[CURRENT]} == --*=* ]] && compset -P '*='
    for type value help in "${(@)response}"; do
        case $type in
            plain) if [[ $help == _ ]]; then plain+=("$value"); else told+=("$value:$help"); fi ;;
            open) open+=("$value") ;;
            dir) _files -/ ;;
            file) _files ;;
            spec) _files -g '*.(yaml|yml)' ;;
        esac
    done

    (( $#told )) && _describe -V modelspec told
    (( $#plain )) && compadd -V modelspec -a plain
    (( $#open )) && compadd -V modelspec -S '' -a open
    return 0
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _modelspec_completion "$@"
else
    compdef _modelspec_completion modelspec
fi
