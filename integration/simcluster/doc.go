// Package simcluster runs a real Ganeti master over simulated nodes: luxid,
// wconfd, job processes and allocator are Ganeti's own (package vcluster), the
// node daemons are those of package nodesim. What cluster there is comes from a
// description in the text form of package luxitest, which is written into
// Ganeti's configuration while its daemons are stopped; so a cluster of any size
// and in any state is there within seconds, and the simulated master of luxitest
// can be given the very same one.
package simcluster
