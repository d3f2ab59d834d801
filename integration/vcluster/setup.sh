# Makes the nodes' directories and the ssh daemon. Runs inside, once.
# Arguments: the cluster's root directory and the names of the nodes.

set -e -u -o pipefail

root=$1
first=$2
shift

# Ganeti wants an RSA host key to exist. root may come from anywhere by it.
ssh() {
  ssh-keygen -q -t rsa -b 2048 -N '' -f /etc/ssh/ssh_host_rsa_key
  cat >/etc/ssh/ssh_config <<END
IdentityFile /etc/ssh/ssh_host_rsa_key
END
  cat >/etc/ssh/sshd_config <<END
HostKey /etc/ssh/ssh_host_rsa_key
AuthorizedKeysFile /etc/ssh/ssh_host_rsa_key.pub
PasswordAuthentication no
PermitRootLogin yes
PrintLastLog no
SetEnv TMPDIR=$TMPDIR
Subsystem sftp internal-sftp
UsePAM no
END
  /usr/sbin/sshd
}

# The same as Ganeti's tools/vcluster-setup makes, save that the remote API
# listens on all addresses, since the watcher looks for it on 127.0.0.1, and the
# monitoring daemon on one, so that all nodes can have it.
node() {
  local name=$1 address=$2 dir=$root/$1
  if [ "$name" = "$first" ]; then
    mkdir -p "$dir"/etc/{default,ganeti/hooks/watcher} "$dir"/var/lock "$dir"/var/{lib,log,run}/ganeti
    GANETI_ROOTDIR=$dir GANETI_HOSTNAME=$name /usr/lib/ganeti/ensure-dirs
  else
    cp -a "$root/$first" "$dir"
  fi

  cat >"$dir/etc/default/ganeti" <<END
NODED_ARGS='--no-mlock -b $address'
CONFD_ARGS='-b $address'
MOND_ARGS='-b $address'
export GANETI_ROOTDIR='$dir'
export GANETI_HOSTNAME='$name'
END
  # All nodes use the very directories of the first, to which Ganeti's
  # configuration refers.
  printf '%s\n' "$root/$first"/srv/ganeti/{file-storage,shared-file-storage} >"$dir/etc/ganeti/file-storage-paths"
  chmod 644 "$dir/etc/ganeti/file-storage-paths"

  cat >"$dir/cmd" <<END
#!/bin/bash
export GANETI_ROOTDIR='$dir'
export GANETI_HOSTNAME='$name'
bash -c "\$*"
END
  chmod 755 "$dir/cmd"
}

mkdir -p "$root"
ssh &
octet=10
for name in "$@"; do
  node "$name" 192.0.2.$octet
  octet=$((octet + 1))
done
mkdir -p "$root/$first"/srv/ganeti/{file-storage,shared-file-storage}
wait $!

# Ganeti checks all directories, at a cost of 0.2 s, before the start of each
# daemon. While the cluster is being started, once per call of daemon-util is
# enough on the first node, which gets new files then, and on the others the
# above will do.
ensure=$(readlink -e /usr/lib/ganeti/ensure-dirs)
cp "$ensure" /srv/etc/ensure-dirs
cat >/srv/etc/ensure-dirs-once <<END
#!/bin/sh
set -e
stamp=/srv/etc/ensured
if [ "\$GANETI_HOSTNAME" = "$first" ] && [ "\$(cat \$stamp 2>/dev/null)" != "\$PPID" ]; then
  PYTHONPATH=${ensure%/*} /srv/etc/ensure-dirs
  echo "\$PPID" >\$stamp
fi
END
chmod 755 /srv/etc/ensure-dirs-once
mount --bind /srv/etc/ensure-dirs-once "$ensure"

# gnt-cluster init gives each daemon 10 s to start, which a slow and busy machine
# exceeds.
for file in /usr/share/ganeti/[0-9]*/ganeti/bootstrap.py; do
  sed 's/^_DAEMON_READY_TIMEOUT = .*/_DAEMON_READY_TIMEOUT = 600.0/' "$file" >/srv/etc/bootstrap.py
  grep -q '^_DAEMON_READY_TIMEOUT = 600.0$' /srv/etc/bootstrap.py
  mount --bind /srv/etc/bootstrap.py "$file"
done
