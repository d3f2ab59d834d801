// Package nodesim plays the node daemons of any number of Ganeti nodes, so that
// a real master can execute operations on instances of every disk template and
// hypervisor without LVM, DRBD or a virtual machine.
//
// A Fleet is a set of nodes. Each node answers the protocol between master and
// node daemon (lib/rpc_defs.py and lib/backend.py in Ganeti): HTTPS,
// POST /<call>, a JSON array of arguments. A node keeps what a machine would
// keep: memory and running instances, volume groups and their volumes, DRBD
// devices with their connections and resynchronizations, operating systems.
//
// The fleet keeps every write to every copy of a disk. So it can tell what a
// master cannot: which copy lacks writes that another one has. It records an
// Incident whenever an instance runs twice, starts from a copy that lacks
// writes, or loses data that were on an online node, whoever asked for it.
//
// Tests and people change the fleet in four ways. Faults spoil single calls:
// they fail, hang, lose their connection or are late. Power, network and
// daemons of a node go and come back (power.go). Replication between two nodes
// is cut and mended (links.go). One side of a disk breaks (breakage.go).
package nodesim
