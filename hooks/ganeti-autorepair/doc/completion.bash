# bash completion for ganeti-autorepair                    -*- shell-script -*-
#
# Commands, flags and kinds of arguments are read from --help, fields from
# list-fields; only the kinds are known here. Names come from the files that Ganeti keeps on every node, without
# asking its daemons.

_ganeti_autorepair_names()
{
    cat "${GANETI_ROOTDIR-}/var/lib/ganeti/ssconf_$1" 2>/dev/null
}

# What an argument of the given kind may be.
_ganeti_autorepair_values()
{
    case $1 in
        INSTANCE) _ganeti_autorepair_names instance_list ;;
        NODE) _ganeti_autorepair_names node_list ;;
        GROUP) _ganeti_autorepair_names nodegroups | cut -d ' ' -f 2- ;;
        OBJECT)
            echo cluster
            _ganeti_autorepair_values GROUP | sed 's/^/group:/'
            _ganeti_autorepair_values NODE | sed 's/^/node:/'
            _ganeti_autorepair_values INSTANCE
            ;;
        TYPE) printf '%s\n' fix-storage migrate failover reinstall ;;
        TEMPLATE) printf '%s\n' blockdev diskless drbd ext file gluster plain rbd sharedfile ;;
        FIELD | FIELDS) ganeti-autorepair list-fields --no-headers --separator=: 2>/dev/null | cut -d : -f 1 ;;
        FILE | SOCKET) compgen -f -- "$2" ;;
        FILTER | OS | STRING | TAG | TEXT | TIME) ;; # anything
    esac
}

# What a command takes beside that.
_ganeti_autorepair_further()
{
    case $1 in
        policy) _ganeti_autorepair_values TYPE && echo none ;;
        repair) _ganeti_autorepair_values TYPE ;;&
        status | repair | ack | cancel) _ganeti_autorepair_values NODE | sed 's/^/node:/' ;;
    esac
}

_ganeti_autorepair()
{
    local cur prev words cword
    _init_completion -n =: || return

    local help command= n
    help=$("$1" --help 2>/dev/null) || return 0
    local commands=" $(awk '/^Commands:/ { on = 1; next } /^[^ ]/ { on = 0 } on && /^  [^ ]/ { printf "%s ", $1 }' <<<"$help")"
    for ((n = 1; n < cword; n++)); do
        if [[ $commands == *" ${words[n]} "* ]]; then
            command=${words[n]}
            help=$("$1" "$command" --help 2>/dev/null) || return 0
            break
        fi
    done

    # The flags, each with the kind of its value if it takes one.
    local -A flags=()
    local short long kind
    while read -r short long kind; do
        flags[$long]=$kind
        [[ $short == - ]] || flags[$short]=$kind
    done < <(sed -nE 's/^ {2,6}(-[^-]), (--[a-z-]+)=?([^ ]*).*/\1 \2 \3/p; s/^ {2,6}(--[a-z-]+)=?([^ ]*).*/- \1 \2/p' <<<"$help")

    local value=$cur further=
    kind=
    if [[ $cur == --*=* ]]; then
        value=${cur#*=} kind=${flags[${cur%%=*}]-none}
    elif [[ $prev == -* ]]; then
        kind=${flags[$prev]-}
    fi
    if [[ -z $kind && $cur == -* ]]; then
        for long in "${!flags[@]}"; do
            [[ $long == --* && -n ${flags[$long]} ]] && long+==
            COMPREPLY+=("$long")
        done
        COMPREPLY=($(compgen -W "${COMPREPLY[*]}" -- "$cur"))
        [[ ${COMPREPLY-} != *= ]] || compopt -o nospace
        return 0
    fi
    if [[ -z $kind && -z $command ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$cur"))
        return 0
    fi
    if [[ -z $kind ]]; then
        # How many arguments are before this one? The last may be repeated.
        local position=0 kinds
        for ((n++; n < cword; n++)); do
            if [[ ${words[n]} != -* ]]; then
                ((++position))
            elif [[ -n ${flags[${words[n]}]-} ]]; then
                ((++n)) # the flag's value
            fi
        done
        kinds=($(head -n 1 <<<"$help" | grep -o '<[^>]*>' | tr -d '<>' | tr a-z A-Z))
        if [[ $(head -n 1 <<<"$help") == *...* && position -ge ${#kinds[@]} ]]; then
            position=$((${#kinds[@]} - 1))
        fi
        kind=${kinds[position]-}
        further=$(_ganeti_autorepair_further "$command")
    fi
    # Of a list, the last one.
    local before=
    if [[ $kind == *,... || $kind == FIELDS ]]; then
        before=${value%"${value##*[,+]}"}
        value=${value#"$before"}
        kind=${kind%,...}
    fi
    COMPREPLY=($(compgen -P "$before" -W "$(_ganeti_autorepair_values "$kind" "$value") $further" -- "$value"))
    [[ $kind != FILE && $kind != SOCKET ]] || compopt -o filenames
    __ltrim_colon_completions "$value"
}

complete -F _ganeti_autorepair ganeti-autorepair
