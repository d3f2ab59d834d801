// Package nodesim plays the node daemons of any number of Ganeti nodes, so that
// a real master can execute repairs of every disk template and hypervisor
// without LVM, DRBD or a virtual machine.
//
// A Fleet is a set of nodes with one answer to each call of the protocol between
// master and node daemon (lib/rpc_defs.py and lib/backend.py in Ganeti): HTTPS,
// POST /<call>, a JSON array of arguments. It keeps what a machine would keep:
// memory and running instances, volumes and their contents, DRBD devices with
// their connections and resynchronizations. From that it knows what no master
// does: whose data were lost, and which instance ran twice.
//
// Faults are rules: calls of some name, on some node, for some instance fail,
// hang, lose their connection or answer late, a number of times or always. A
// node can lose its power and come back, with its volumes or without.
package nodesim
