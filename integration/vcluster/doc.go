// Package vcluster runs a real Ganeti cluster of several virtual nodes on one
// machine, as root, and makes it vanish without a trace.
//
// A cluster lives in network, PID, mount, UTS and IPC namespaces of its own.
// Their first process is a direct child of the calling process; it ends when
// its standard input does, and the kernel kills it when its parent dies, be
// that by Close, a panic, SIGINT, a test timeout or kill -9. With it end every
// daemon, job, mount and network interface of the cluster: there is nothing to
// clean up afterwards and no state to find on the host. Several clusters run
// side by side, with the same names and addresses.
//
// Inside, the host's file system is visible but read-only; all that Ganeti
// writes is below /srv, /run, /var/tmp and /etc/ssh, which are tmpfs mounts
// private to the cluster. So a program built by a test can be run inside by its
// path on the host, while nothing run inside can change the host's files.
// Options.Writable makes exceptions.
//
// The nodes are those of Ganeti's own virtual clusters
// (doc/design-virtual-clusters.rst): node1, node2, ... each with a root
// directory of its own, told to every Ganeti program by GANETI_ROOTDIR and
// GANETI_HOSTNAME. node1 is the master. Instances use the fake hypervisor,
// whose state is a file per running instance below the node's root. The
// operating system "noop" installs nothing but counts its calls; "failing"
// fails to install.
//
// What is needed: Linux, root with the right to make namespaces (a plain
// container has not), and Debian's ganeti, openssh-server and iproute2.
// Available reports whether that is so. On a machine with another release of
// Ganeti, or none, the whole of a test runs inside a Debian system that has the
// wanted one: see the scripts in integration/system.
package vcluster
