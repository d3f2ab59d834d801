// Package simcluster runs a real Ganeti master over simulated nodes: luxid,
// wconfd, job processes and allocator are Ganeti's own (package vcluster), the
// node daemons are those of package nodesim. The cluster is made from a description
// in the text form of package luxitest: Load stops Ganeti's daemons, writes the
// described nodes and instances into Ganeti's configuration, and starts the daemons
// again. This takes seconds for a cluster of any size and in any state, and the
// simulated master of luxitest reads the same descriptions.
package simcluster
