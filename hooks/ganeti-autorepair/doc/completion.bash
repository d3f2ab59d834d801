# bash completion for ganeti-autorepair                    -*- shell-script -*-
#
# Commands and flags are those of the command line, from which this file is made:
# go test ./hooks/ganeti-autorepair -run Completions -update
# Names come from the files that Ganeti keeps on every node, without asking its
# daemons.

_ganeti_autorepair_names()
{
    cat "${GANETI_ROOTDIR-}/var/lib/ganeti/ssconf_$1" 2>/dev/null
}

# What an argument of the given kind may be.
_ganeti_autorepair_values()
{
    case $1 in
        INSTANCE) _ganeti_autorepair_names instance_list ;;
        INSTANCES)
            _ganeti_autorepair_values NODE | sed 's/^/node:/'
            _ganeti_autorepair_values INSTANCE
            ;;
        NODE) _ganeti_autorepair_names node_list ;;
        GROUP) _ganeti_autorepair_names nodegroups | cut -d ' ' -f 2- ;;
        OBJECT)
            echo cluster
            _ganeti_autorepair_values GROUP | sed 's/^/group:/'
            _ganeti_autorepair_values INSTANCES
            ;;
        TYPE) printf '%s\n' fix-storage migrate failover reinstall ;;
        POLICY) printf '%s\n' fix-storage migrate failover reinstall none ;;
        TEMPLATE) printf '%s\n' blockdev diskless drbd ext file gluster plain rbd sharedfile ;;
        FIELD | FIELDS) ganeti-autorepair list-fields --no-headers --separator=: 2>/dev/null | cut -d : -f 1 ;;
        COLUMN) ganeti-autorepair list-fields --nodes --no-headers --separator=: 2>/dev/null | cut -d : -f 1 ;;
        FILE | SOCKET) compgen -f -- "$2" ;;
        FILTER | OS | STRING | TAG | TEXT | TIME) ;; # anything
    esac
}

# The flags of a command, each with the kind of its value, or -.
_ganeti_autorepair_flags()
{
    case $1 in
        run)
            echo '--from-watcher - -n - --dry-run - -w - --wait - --ignore-pause - --assume-offline NODE, --assume-drained NODE, --opcodes - --json - --snapshot FILE --save FILE'
            ;;
        status)
            echo '--all - --sort FIELD --watch - --every TIME --json - --no-headers - --separator STRING -o FIELDS, --output FIELDS, --snapshot FILE --save FILE -F FILTER --filter FILTER --tag TAG --os OS --template TEMPLATE'
            ;;
        explain)
            echo '--json - --snapshot FILE --save FILE'
            ;;
        nodes)
            echo '--all - -F FILTER --filter FILTER -o COLUMN, --output COLUMN, -w - --wait - --timeout TIME --every TIME --json - --no-headers - --separator STRING --snapshot FILE --save FILE'
            ;;
        rehearse)
            echo '--drained - -v - --verbose - --json - --no-headers - --separator STRING -o FIELDS, --output FIELDS, --snapshot FILE'
            ;;
        policy)
            echo '--no-headers - --separator STRING --yes - -n - --dry-run - --timeout TIME --reason TEXT -F FILTER --filter FILTER --tag TAG --os OS --template TEMPLATE --snapshot FILE'
            ;;
        suspend)
            echo '--for TIME --until TIME -n - --dry-run - --timeout TIME --reason TEXT -F FILTER --filter FILTER --tag TAG --os OS --template TEMPLATE'
            ;;
        resume)
            echo '--all - -n - --dry-run - --timeout TIME --reason TEXT -F FILTER --filter FILTER --tag TAG --os OS --template TEMPLATE'
            ;;
        repair)
            echo '--yes - -n - --dry-run - --timeout TIME --reason TEXT -F FILTER --filter FILTER --tag TAG --os OS --template TEMPLATE'
            ;;
        ack)
            echo '--intact - -n - --dry-run - --timeout TIME --reason TEXT -F FILTER --filter FILTER --tag TAG --os OS --template TEMPLATE'
            ;;
        cancel)
            echo '-n - --dry-run - --timeout TIME --reason TEXT -F FILTER --filter FILTER --tag TAG --os OS --template TEMPLATE'
            ;;
        stop)
            echo '--for TIME -n - --dry-run - --timeout TIME --reason TEXT'
            ;;
        vouch)
            echo '--yes - --reason TEXT -n - --dry-run - --timeout TIME'
            ;;
        history)
            echo '--since TIME --json - --no-headers - --separator STRING --snapshot FILE'
            ;;
        report)
            echo '--since TIME --snapshot FILE --save FILE'
            ;;
        check)
            echo '-v - --verbose -'
            ;;
        list-fields)
            echo '--nodes - --rehearse - --no-headers - --separator STRING'
            ;;
    esac
    echo '-h - --help - -L SOCKET --luxi SOCKET -c FILE --config FILE --version -'
}

# The kinds of the arguments of a command; with ... if the first may be repeated.
_ganeti_autorepair_arguments()
{
    case $1 in
        status) echo 'INSTANCES ...' ;;
        explain) echo 'INSTANCE' ;;
        nodes) echo 'NODE ...' ;;
        rehearse) echo 'NODE ...' ;;
        policy) echo 'OBJECT POLICY ...' ;;
        suspend) echo 'OBJECT ...' ;;
        resume) echo 'OBJECT ...' ;;
        repair) echo 'INSTANCES TYPE ...' ;;
        ack) echo 'INSTANCES ...' ;;
        cancel) echo 'INSTANCES ...' ;;
        vouch) echo 'NODE ...' ;;
        history) echo 'INSTANCE' ;;
        report) echo 'FILE' ;;
        list-fields) echo 'FIELD ...' ;;
    esac
}

_ganeti_autorepair()
{
    local cur prev words cword
    _init_completion -n =: || return

    local commands=' run status explain nodes rehearse policy suspend resume repair ack cancel stop vouch history report check list-fields ' command= n
    for ((n = 1; n < cword; n++)); do
        if [[ $commands == *" ${words[n]} "* ]]; then
            command=${words[n]}
            break
        fi
    done
    local -A flags=()
    local flag kind
    while read -r flag kind; do
        [[ -z $flag ]] || flags[$flag]=$kind
    done < <(printf '%s %s\n' $(_ganeti_autorepair_flags "$command"))

    local value=$cur kinds=()
    kind=
    if [[ $cur == --*=* ]]; then
        value=${cur#*=} kind=${flags[${cur%%=*}]-none}
    elif [[ $prev == -* && ${flags[$prev]--} != - ]]; then
        kind=${flags[$prev]}
    elif [[ $cur == -* ]]; then
        for flag in "${!flags[@]}"; do
            [[ $flag != --* ]] && continue
            [[ ${flags[$flag]} == - ]] || flag+==
            COMPREPLY+=("$flag")
        done
        COMPREPLY=($(compgen -W "${COMPREPLY[*]}" -- "$cur"))
        [[ ${COMPREPLY-} != *= ]] || compopt -o nospace
        return 0
    elif [[ -z $command ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$cur"))
        return 0
    fi
    if [[ -n $kind ]]; then
        kinds=("$kind")
    else
        # How many arguments are before this one?
        local position=0
        for ((n++; n < cword; n++)); do
            if [[ ${words[n]} != -* ]]; then
                ((++position))
            elif [[ ${words[n]} != *=* && ${flags[${words[n]}]--} != - ]]; then
                ((++n)) # the flag's value
            fi
        done
        kinds=($(_ganeti_autorepair_arguments "$command"))
        if [[ ${kinds[*]} == *...* ]]; then
            unset "kinds[-1]"
            ((position)) || kinds=("${kinds[0]-}")
        else
            kinds=("${kinds[position]-}")
        fi
    fi
    # Of a list, the last one.
    local before=
    if [[ ${kinds-} == *, ]]; then
        before=${value%"${value##*[,+]}"}
        value=${value#"$before"}
        kinds=("${kinds%,}")
    fi
    local offered=
    for kind in "${kinds[@]}"; do
        offered+=" $(_ganeti_autorepair_values "$kind" "$value")"
    done
    COMPREPLY=($(compgen -P "$before" -W "$offered" -- "$value"))
    [[ ${kinds-} != FILE && ${kinds-} != SOCKET ]] || compopt -o filenames
    __ltrim_colon_completions "$value"
}

complete -F _ganeti_autorepair ganeti-autorepair
