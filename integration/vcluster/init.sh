# The first process of a cluster's namespaces. Arguments: the number of nodes,
# whether the certificates of public authorities stay, and the host directories
# that stay writable.
#
# It makes the private mounts and the network, says "ready" and then waits for
# the end of its standard input, from which bash has read this script; no command
# here may read that. Meanwhile bash reaps the daemons that are reparented to it.
# When it exits the kernel ends everything else.

set -e -u -o pipefail

nodes=$1 authorities=$2
shift 2

# Nothing that is mounted here may be seen by the host.
mount --make-rprivate /

# All of the host's mounts become read-only here. That of / must; others, like
# those a sandbox put in place, may refuse.
while read -r _ _ _ _ target _; do
  target=$(printf '%b' "$target")
  mount -o remount,bind,ro "$target" 2>/dev/null || [ "$target" != / ]
done </proc/self/mountinfo

for dir in "$@"; do
  mount --bind "$dir" "$dir"
  mount -o remount,bind,rw "$dir"
done

mount -t proc proc /proc
mount -t sysfs -o ro sysfs /sys

# /proc/sys and /proc/sysrq-trigger belong to the whole machine; the fake
# hypervisor's powercycle would reboot it.
for file in /proc/sys /proc/sysrq-trigger; do
  if [ -e $file ]; then
    mount --bind $file $file
    mount -o remount,bind,ro $file
  fi
done

# /run also hides systemd, which Ganeti would otherwise ask to run its daemons.
mount -t tmpfs -o mode=755 vcluster /srv
mount -t tmpfs -o mode=755 vcluster /run
mount -t tmpfs -o mode=755 vcluster /etc/ssh
mount -t tmpfs -o mode=1777 vcluster /var/tmp
mount -t tmpfs -o mode=1777 vcluster /dev/shm

if [ "$authorities" != true ] && [ -d /etc/ssl/certs ]; then
  mount -t tmpfs -o mode=755 vcluster /etc/ssl/certs
fi

mkdir -p /run/lock /run/sshd /srv/vc /srv/tmp /srv/root /srv/etc /srv/ganeti/os
chmod 1777 /run/lock /srv/tmp
chmod 700 /srv/root

{
  echo 127.0.0.1 localhost
  echo 192.0.2.1 cluster
  for ((i = 1; i <= nodes; i++)); do
    echo "192.0.2.$((9 + i)) node$i"
  done
  for ((i = 1; i <= 155; i++)); do
    echo "192.0.2.$((99 + i)) instance$i"
  done
} >/srv/etc/hosts
mount --bind /srv/etc/hosts /etc/hosts

# Nodes are reached by ssh as root: its real home may hold a slow .bashrc.
sed 's#^\(root:[^:]*:[^:]*:[^:]*:[^:]*\):.*#\1:/srv/root:/bin/bash#' /etc/passwd >/srv/etc/passwd
mount --bind /srv/etc/passwd /etc/passwd

# Starting the metadata daemon sets capabilities on its program.
if metad=$(readlink -e /usr/sbin/ganeti-metad); then
  cp "$metad" /srv/etc/
  mount --bind "/srv/etc/${metad##*/}" "$metad"
fi

hostname vcluster
ip link set lo up
for ((i = 1; i <= nodes; i++)); do
  echo "address add 192.0.2.$((9 + i))/32 dev lo"
done | ip -batch -

cd /
echo ready
while read -r _; do :; done
