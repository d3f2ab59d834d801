# Ends all daemons and writes the files of the nodes to standard output, as an archive.
# Runs inside, once. The argument is the cluster's root directory.

set -e -u -o pipefail

# That is everything but this shell and the first process.
kill -KILL -1
cd "$1"
find */var/log/ganeti -type f -delete
rm -rf */var/run/ganeti/{ganeti-*.pid,livelocks/*,socket/*} \
  */var/lib/ganeti/{locks.data,tempres.data,queue/job-*,queue/archive/*}
exec tar --create --directory=/ srv/ganeti srv/root "${1#/}" etc/ssh
