# fish completion for ganeti-autorepair. Commands and flags are those of the command
# line, from which this file is made:
# go test ./hooks/ganeti-autorepair -run Completions -update
# Names come from the files that Ganeti keeps on every node, without asking its
# daemons.

function __ganeti_autorepair_names
    set -q GANETI_ROOTDIR; or set -l GANETI_ROOTDIR ''
    cat $GANETI_ROOTDIR/var/lib/ganeti/ssconf_$argv[1] 2>/dev/null
end

# __ganeti_autorepair_KIND prints what an argument of that kind may be.
function __ganeti_autorepair_instance
    __ganeti_autorepair_names instance_list
end
function __ganeti_autorepair_node
    __ganeti_autorepair_names node_list
end
function __ganeti_autorepair_instances
    __ganeti_autorepair_instance
    __ganeti_autorepair_node | string replace -r '^' node:
end
function __ganeti_autorepair_object
    echo cluster
    __ganeti_autorepair_names nodegroups | string replace -r '^\S+ ' group:
    __ganeti_autorepair_instances
end
function __ganeti_autorepair_type
    printf '%s\n' fix-storage migrate failover reinstall
end
function __ganeti_autorepair_policy
    printf '%s\n' fix-storage migrate failover reinstall none
end
function __ganeti_autorepair_template
    printf '%s\n' blockdev diskless drbd ext file gluster plain rbd sharedfile
end
function __ganeti_autorepair_field
    ganeti-autorepair list-fields --no-headers --separator=: 2>/dev/null | string replace -r ':.*' ''
end
function __ganeti_autorepair_fields
    __ganeti_autorepair_field
end
function __ganeti_autorepair_column
    ganeti-autorepair list-fields --nodes --no-headers --separator=: 2>/dev/null | string replace -r ':.*' ''
end
function __ganeti_autorepair_file
    __fish_complete_path (commandline -ct | string replace -r '^--[^=]*=' '')
end
function __ganeti_autorepair_socket
    __ganeti_autorepair_file
end
# Of these anything may come.
function __ganeti_autorepair_filter; end
function __ganeti_autorepair_os; end
function __ganeti_autorepair_string; end
function __ganeti_autorepair_tag; end
function __ganeti_autorepair_text; end
function __ganeti_autorepair_time; end

# What a list of a kind may be, behind what is there already.
function __ganeti_autorepair_list
    set -l before (commandline -ct | string replace -r '^--[^=]*=' '' | string match -r '^.*[,+]')
    for value in (__ganeti_autorepair_$argv[1])
        echo "$before$value"
    end
end

# The command line so far, without flags and their values: the command and its
# arguments.
function __ganeti_autorepair_words
    set -l words (commandline -opc)
    set -e words[1]
    set -l skip 0
    for word in $words
        if test $skip = 1
            set skip 0
        else if contains -- $word \
            -L --luxi \
            -c --config \
            --assume-offline \
            --assume-drained \
            --snapshot \
            --save \
            --sort \
            --every \
            --separator \
            -o --output \
            --snapshot \
            --save \
            -F --filter \
            --tag \
            --os \
            --template \
            --snapshot \
            --save \
            -F --filter \
            -o --output \
            --timeout \
            --every \
            --separator \
            --snapshot \
            --save \
            --separator \
            -o --output \
            --snapshot \
            --separator \
            --timeout \
            --reason \
            -F --filter \
            --tag \
            --os \
            --template \
            --snapshot \
            --for \
            --until \
            --timeout \
            --reason \
            -F --filter \
            --tag \
            --os \
            --template \
            --timeout \
            --reason \
            -F --filter \
            --tag \
            --os \
            --template \
            --timeout \
            --reason \
            -F --filter \
            --tag \
            --os \
            --template \
            --timeout \
            --reason \
            -F --filter \
            --tag \
            --os \
            --template \
            --timeout \
            --reason \
            -F --filter \
            --tag \
            --os \
            --template \
            --for \
            --timeout \
            --reason \
            --reason \
            --timeout \
            --since \
            --separator \
            --snapshot \
            --since \
            --snapshot \
            --save \
            --separator
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end
function __ganeti_autorepair_no_command
    test (count (__ganeti_autorepair_words)) = 0
end
function __ganeti_autorepair_command
    set -l words (__ganeti_autorepair_words)
    test "$words[1]" = $argv[1]
end
# An argument of the command that has so many before it, or more.
function __ganeti_autorepair_argument
    set -l words (__ganeti_autorepair_words)
    test "$words[1]" = $argv[1]; and test (count $words) -gt $argv[2]
end

complete -c ganeti-autorepair -f

complete -c ganeti-autorepair -s h -l help -d 'Show context-sensitive help'
complete -c ganeti-autorepair -s L -l luxi -x -a '(__ganeti_autorepair_socket)' -d 'LUXI socket of the master'
complete -c ganeti-autorepair -s c -l config -x -a '(__ganeti_autorepair_file)' -d 'Settings file'
complete -c ganeti-autorepair -l version -d 'Show the version and exit'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a run -d 'Do one pass: repair what may be repaired now'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -l from-watcher -d 'Run as the watcher\'s hook: quiet, and only when a pass is due'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -s n -l dry-run -d 'Show what a pass would do, and change nothing'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -s w -l wait -d 'Wait for the repairs to end, pass after pass'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -l ignore-pause -d 'Run although the watcher is paused'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -l assume-offline -x -a '(__ganeti_autorepair_list node)' -d 'With --dry-run: as if these nodes were offline'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -l assume-drained -x -a '(__ganeti_autorepair_list node)' -d 'With --dry-run: as if these nodes were drained'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -l opcodes -d 'With --dry-run: show the opcodes and tags, too'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -l json -d 'With --dry-run: write JSON'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -l snapshot -x -a '(__ganeti_autorepair_file)' -d 'Look at a saved snapshot instead of the cluster'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command run' -l save -x -a '(__ganeti_autorepair_file)' -d 'Save what was read, without secrets, for a bug report or another look'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a status -d 'Show the instances that are not plainly healthy, and why'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l all -d 'Show healthy instances, too'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l sort -x -a '(__ganeti_autorepair_field)' -d 'Order by a field, or by urgency'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l watch -d 'Show it again and again, until it is interrupted'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l every -x -a '(__ganeti_autorepair_time)' -d 'Time between two looks with --watch'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l json -d 'Write JSON'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l no-headers -d 'Leave the headings out'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l separator -x -a '(__ganeti_autorepair_string)' -d 'Put this between fields instead of aligning them'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -s o -l output -x -a '(__ganeti_autorepair_list fields)' -d 'Fields to show, separated by commas'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l snapshot -x -a '(__ganeti_autorepair_file)' -d 'Look at a saved snapshot instead of the cluster'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l save -x -a '(__ganeti_autorepair_file)' -d 'Save what was read, without secrets, for a bug report or another look'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -s F -l filter -x -a '(__ganeti_autorepair_filter)' -d 'Instances that match a filter, as in gnt-instance list -F'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l tag -x -a '(__ganeti_autorepair_tag)' -d 'Instances with this tag'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l os -x -a '(__ganeti_autorepair_os)' -d 'Instances with this operating system'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command status' -l template -x -a '(__ganeti_autorepair_template)' -d 'Instances with this disk template'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument status 0' -a '(__ganeti_autorepair_instances)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a explain -d 'Explain the state of an instance and the next step of its repair'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command explain' -l json -d 'Write JSON'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command explain' -l snapshot -x -a '(__ganeti_autorepair_file)' -d 'Look at a saved snapshot instead of the cluster'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command explain' -l save -x -a '(__ganeti_autorepair_file)' -d 'Save what was read, without secrets, for a bug report or another look'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument explain 0' -a '(__ganeti_autorepair_instance)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a nodes -d 'Show what drained and offline nodes still have, or wait until they are empty'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -l all -d 'Show nodes that are ok, too'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -s F -l filter -x -a '(__ganeti_autorepair_filter)' -d 'Nodes that match a filter, as in gnt-node list -F'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -s o -l output -x -a '(__ganeti_autorepair_list column)' -d 'Columns to show, separated by commas'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -s w -l wait -d 'Wait until all of the nodes are empty'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -l timeout -x -a '(__ganeti_autorepair_time)' -d 'With --wait: wait no longer than this'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -l every -x -a '(__ganeti_autorepair_time)' -d 'Time between two looks with --wait'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -l json -d 'Write JSON'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -l no-headers -d 'Leave the headings out'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -l separator -x -a '(__ganeti_autorepair_string)' -d 'Put this between fields instead of aligning them'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -l snapshot -x -a '(__ganeti_autorepair_file)' -d 'Look at a saved snapshot instead of the cluster'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command nodes' -l save -x -a '(__ganeti_autorepair_file)' -d 'Save what was read, without secrets, for a bug report or another look'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument nodes 0' -a '(__ganeti_autorepair_node)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a rehearse -d 'Tell what would become of the instances of each node if it died'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command rehearse' -l drained -d 'As if the node were drained, instead of dead'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command rehearse' -s v -l verbose -d 'Tell of every instance what would become of it, and why'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command rehearse' -l json -d 'Write JSON'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command rehearse' -l no-headers -d 'Leave the headings out'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command rehearse' -l separator -x -a '(__ganeti_autorepair_string)' -d 'Put this between fields instead of aligning them'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command rehearse' -s o -l output -x -a '(__ganeti_autorepair_list fields)' -d 'Fields to show, separated by commas'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command rehearse' -l snapshot -x -a '(__ganeti_autorepair_file)' -d 'Look at a saved snapshot instead of the cluster'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument rehearse 0' -a '(__ganeti_autorepair_node)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a policy -d 'Show which repairs are permitted, or permit them'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -l no-headers -d 'Leave the headings out'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -l separator -x -a '(__ganeti_autorepair_string)' -d 'Put this between fields instead of aligning them'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -l yes -d 'Do not ask, for scripts'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -s n -l dry-run -d 'Say which tags would be written, and write none'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -l timeout -x -a '(__ganeti_autorepair_time)' -d 'Give up tags that cannot be written in this time, for example while a job has the instance locked'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -l reason -x -a '(__ganeti_autorepair_text)' -d 'Why, for the reason trail of the jobs, as with gnt-*, and for the log'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -s F -l filter -x -a '(__ganeti_autorepair_filter)' -d 'Instances that match a filter, as in gnt-instance list -F'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -l tag -x -a '(__ganeti_autorepair_tag)' -d 'Instances with this tag'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -l os -x -a '(__ganeti_autorepair_os)' -d 'Instances with this operating system'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -l template -x -a '(__ganeti_autorepair_template)' -d 'Instances with this disk template'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command policy' -l snapshot -x -a '(__ganeti_autorepair_file)' -d 'Look at a saved snapshot instead of the cluster'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument policy 0' -a '(__ganeti_autorepair_object)'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument policy 1' -a '(__ganeti_autorepair_policy)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a suspend -d 'Let no repair begin or go on'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command suspend' -l for -x -a '(__ganeti_autorepair_time)' -d 'How long, for example 4h or 2d'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command suspend' -l until -x -a '(__ganeti_autorepair_time)' -d 'Until when, for example 18:30 or "2030-01-31 18:30"'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command suspend' -s n -l dry-run -d 'Say which tags would be written, and write none'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command suspend' -l timeout -x -a '(__ganeti_autorepair_time)' -d 'Give up tags that cannot be written in this time, for example while a job has the instance locked'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command suspend' -l reason -x -a '(__ganeti_autorepair_text)' -d 'Why, for the reason trail of the jobs, as with gnt-*, and for the log'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command suspend' -s F -l filter -x -a '(__ganeti_autorepair_filter)' -d 'Instances that match a filter, as in gnt-instance list -F'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command suspend' -l tag -x -a '(__ganeti_autorepair_tag)' -d 'Instances with this tag'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command suspend' -l os -x -a '(__ganeti_autorepair_os)' -d 'Instances with this operating system'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command suspend' -l template -x -a '(__ganeti_autorepair_template)' -d 'Instances with this disk template'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument suspend 0' -a '(__ganeti_autorepair_object)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a resume -d 'End suspensions'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command resume' -l all -d 'Undo what stop has suspended, wherever that was, and nothing else'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command resume' -s n -l dry-run -d 'Say which tags would be written, and write none'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command resume' -l timeout -x -a '(__ganeti_autorepair_time)' -d 'Give up tags that cannot be written in this time, for example while a job has the instance locked'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command resume' -l reason -x -a '(__ganeti_autorepair_text)' -d 'Why, for the reason trail of the jobs, as with gnt-*, and for the log'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command resume' -s F -l filter -x -a '(__ganeti_autorepair_filter)' -d 'Instances that match a filter, as in gnt-instance list -F'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command resume' -l tag -x -a '(__ganeti_autorepair_tag)' -d 'Instances with this tag'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command resume' -l os -x -a '(__ganeti_autorepair_os)' -d 'Instances with this operating system'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command resume' -l template -x -a '(__ganeti_autorepair_template)' -d 'Instances with this disk template'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument resume 0' -a '(__ganeti_autorepair_object)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a repair -d 'Request a repair once, whatever the policy'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command repair' -l yes -d 'Do not ask, for scripts'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command repair' -s n -l dry-run -d 'Say which tags would be written, and write none'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command repair' -l timeout -x -a '(__ganeti_autorepair_time)' -d 'Give up tags that cannot be written in this time, for example while a job has the instance locked'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command repair' -l reason -x -a '(__ganeti_autorepair_text)' -d 'Why, for the reason trail of the jobs, as with gnt-*, and for the log'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command repair' -s F -l filter -x -a '(__ganeti_autorepair_filter)' -d 'Instances that match a filter, as in gnt-instance list -F'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command repair' -l tag -x -a '(__ganeti_autorepair_tag)' -d 'Instances with this tag'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command repair' -l os -x -a '(__ganeti_autorepair_os)' -d 'Instances with this operating system'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command repair' -l template -x -a '(__ganeti_autorepair_template)' -d 'Instances with this disk template'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument repair 0' -a '(__ganeti_autorepair_instances)'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument repair 1' -a '(__ganeti_autorepair_type)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a ack -d 'Clear failures that were looked at'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command ack' -l intact -d 'Say that the system of the instance is there, after a reinstallation that failed halfway'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command ack' -s n -l dry-run -d 'Say which tags would be written, and write none'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command ack' -l timeout -x -a '(__ganeti_autorepair_time)' -d 'Give up tags that cannot be written in this time, for example while a job has the instance locked'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command ack' -l reason -x -a '(__ganeti_autorepair_text)' -d 'Why, for the reason trail of the jobs, as with gnt-*, and for the log'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command ack' -s F -l filter -x -a '(__ganeti_autorepair_filter)' -d 'Instances that match a filter, as in gnt-instance list -F'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command ack' -l tag -x -a '(__ganeti_autorepair_tag)' -d 'Instances with this tag'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command ack' -l os -x -a '(__ganeti_autorepair_os)' -d 'Instances with this operating system'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command ack' -l template -x -a '(__ganeti_autorepair_template)' -d 'Instances with this disk template'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument ack 0' -a '(__ganeti_autorepair_instances)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a cancel -d 'Cancel pending repairs, with their jobs that have not begun'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command cancel' -s n -l dry-run -d 'Say which tags would be written, and write none'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command cancel' -l timeout -x -a '(__ganeti_autorepair_time)' -d 'Give up tags that cannot be written in this time, for example while a job has the instance locked'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command cancel' -l reason -x -a '(__ganeti_autorepair_text)' -d 'Why, for the reason trail of the jobs, as with gnt-*, and for the log'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command cancel' -s F -l filter -x -a '(__ganeti_autorepair_filter)' -d 'Instances that match a filter, as in gnt-instance list -F'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command cancel' -l tag -x -a '(__ganeti_autorepair_tag)' -d 'Instances with this tag'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command cancel' -l os -x -a '(__ganeti_autorepair_os)' -d 'Instances with this operating system'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command cancel' -l template -x -a '(__ganeti_autorepair_template)' -d 'Instances with this disk template'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument cancel 0' -a '(__ganeti_autorepair_instances)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a stop -d 'Stop all repairs: suspend everything, and take back the jobs that have not begun'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command stop' -l for -x -a '(__ganeti_autorepair_time)' -d 'How long, for example 2h or 1d'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command stop' -s n -l dry-run -d 'Say which tags would be written, and write none'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command stop' -l timeout -x -a '(__ganeti_autorepair_time)' -d 'Give up tags that cannot be written in this time, for example while a job has the instance locked'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command stop' -l reason -x -a '(__ganeti_autorepair_text)' -d 'Why, for the reason trail of the jobs, as with gnt-*, and for the log'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a vouch -d 'Vouch that offline nodes run nothing any more, in place of the fence'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command vouch' -l yes -d 'Do not ask, for scripts'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command vouch' -l reason -x -a '(__ganeti_autorepair_text)' -d 'Why, for the reason trail of the jobs, as with gnt-*, and for the log'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command vouch' -s n -l dry-run -d 'Say which tags would be written, and write none'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command vouch' -l timeout -x -a '(__ganeti_autorepair_time)' -d 'Give up tags that cannot be written in this time'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument vouch 0' -a '(__ganeti_autorepair_node)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a history -d 'List repairs, past and present, from tags and the job queue'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command history' -l since -x -a '(__ganeti_autorepair_time)' -d 'Only repairs since this long ago, for example 7d'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command history' -l json -d 'Write JSON'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command history' -l no-headers -d 'Leave the headings out'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command history' -l separator -x -a '(__ganeti_autorepair_string)' -d 'Put this between fields instead of aligning them'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command history' -l snapshot -x -a '(__ganeti_autorepair_file)' -d 'Look at a saved snapshot instead of the cluster'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument history 0' -a '(__ganeti_autorepair_instance)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a report -d 'Write a page for browsers that shows the cluster and its repairs'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command report' -l since -x -a '(__ganeti_autorepair_time)' -d 'Show repairs since this long ago'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command report' -l snapshot -x -a '(__ganeti_autorepair_file)' -d 'Look at a saved snapshot instead of the cluster'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command report' -l save -x -a '(__ganeti_autorepair_file)' -d 'Save what was read, without secrets, for a bug report or another look'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument report 0' -a '(__ganeti_autorepair_file)'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a check -d 'Check that auto-repair works and whether anything waits for a person, for Nagios'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command check' -s v -l verbose -d 'Tell the result of every check, not only what is wrong'

complete -c ganeti-autorepair -n __ganeti_autorepair_no_command -a list-fields -d 'List the fields that status and rehearse can show'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command list-fields' -l nodes -d 'List the columns that nodes can show instead'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command list-fields' -l rehearse -d 'List those of rehearse instead of status'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command list-fields' -l no-headers -d 'Leave the headings out'
complete -c ganeti-autorepair -n '__ganeti_autorepair_command list-fields' -l separator -x -a '(__ganeti_autorepair_string)' -d 'Put this between fields instead of aligning them'
complete -c ganeti-autorepair -n '__ganeti_autorepair_argument list-fields 0' -a '(__ganeti_autorepair_field)'
