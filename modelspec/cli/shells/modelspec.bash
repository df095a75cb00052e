# Completion of `modelspec` for bash 4.4 and later: in ~/.bashrc,
#   eval "$(modelspec completion bash)"

_modelspec_completion() {
    local response type value found
    COMPREPLY=()
    response=$(COMP_TYPED="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \
        _MODELSPEC_COMPLETE=bash_complete "$1" 2>/dev/null </dev/null) || return 0

    while IFS=, read -r type value; do
        case $type in
            plain) COMPREPLY+=("$value") ;;
            open) COMPREPLY+=("$value"); compopt -o nospace 2>/dev/null ;;
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
            spec)
                # Where no such file begins so, any other may be meant.
                compopt -o filenames -o default 2>/dev/null
                while IFS= read -r found; do
                    COMPREPLY+=("$found")
                done < <(compgen -d -- "$value"
                    compgen -f -X '!*.yaml' -- "$value"
                    compgen -f -X '!*.yml' -- "$value")
                ;;
        esac
    done <<<"$response"
    return 0
}

complete -o nosort -F _modelspec_completion modelspec
