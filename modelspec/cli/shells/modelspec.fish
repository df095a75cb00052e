# Completion of `modelspec` for fish: in ~/.config/fish/config.fish,
#   modelspec completion fish | source
# or in the file ~/.config/fish/completions/modelspec.fish.

function __modelspec_complete
    set -l program (commandline -opc)[1]
    set -l typed (commandline -cp | string collect)
    set -l response (_MODELSPEC_COMPLETE=fish_complete COMP_TYPED=$typed $program 2>/dev/null </dev/null)

    for line in $response
        set -l parts (string split --max 1 , -- $line)
        switch $parts[1]
            case plain open
                echo $parts[2]
            case dir
                __fish_complete_directories $parts[2] ''
            case file
                __fish_complete_path $parts[2]
            case spec
                __fish_complete_path $parts[2] | string match -r '^.*(?:/|\.ya?ml)(?:\t.*)?$'
        end
    end
end

complete --command modelspec --no-files --arguments '(__modelspec_complete)'
