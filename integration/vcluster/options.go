package vcluster

import (
	"context"
	"fmt"
	"io"
	"sort"
)

// Disk templates a cluster can have without block devices of its own.
const (
	Diskless   = "diskless"
	File       = "file"
	SharedFile = "sharedfile"
)

// Operating systems that every cluster has; both count their calls, see
// Cluster.OSCalls.
const (
	OSNoop    = "noop"    // installs nothing, successfully
	OSFailing = "failing" // its create script fails
)

// maxNodes keeps the nodes' addresses 192.0.2.10... apart from those of the
// instances.
const maxNodes = 90

// Options say what cluster to start. The zero value means three nodes in the
// group "default" with the templates diskless, file and sharedfile.
type Options struct {
	// Nodes is the number of nodes, 3 if zero. They are called node1, node2,
	// ...; node1 is the master.
	Nodes int

	// Templates lists the enabled disk templates; the default is diskless,
	// file and sharedfile.
	Templates []string

	// Groups maps names of nodes to names of node groups. Nodes that are not
	// mentioned are in the group "default".
	Groups map[string]string

	// CandidatePool is the number of nodes that may become master, 1 if zero. The
	// configuration and the files of the jobs are sent to all of them each time they
	// change, and the node daemon forks for each call: with three candidates a job
	// takes two to three times the CPU.
	CandidatePool int

	// InitArgs are further arguments of gnt-cluster init.
	InitArgs []string

	// Writable lists directories of the host that stay writable inside; all
	// others are read-only there. Use it for a test's own temporary directory.
	Writable []string

	// Authorities leaves the host's certificates of public authorities in place.
	// libcurl reads all of them for every call to a node, although Ganeti names the
	// one certificate that counts: 30 ms of CPU each time, which real masters spend,
	// and tests had better not.
	Authorities bool

	// BeforeInit is called when the nodes' directories exist and no Ganeti
	// daemon has been started.
	BeforeInit func(ctx context.Context, c *Cluster) error

	// Log, if not nil, is told each step of Start and each command of Run with
	// its duration. It must be safe for concurrent use.
	Log io.Writer
}

// withDefaults returns o with its defaults filled in, or an error if it makes
// no sense.
func (o Options) withDefaults() (Options, error) {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return o, fmt.Errorf("vcluster: %d nodes wanted, possible are 1 to %d", o.Nodes, maxNodes)
	}
	if o.CandidatePool == 0 {
		o.CandidatePool = 1
	}
	if o.CandidatePool < 1 {
		return o, fmt.Errorf("vcluster: a candidate pool of %d wanted, the least is 1", o.CandidatePool)
	}
	if len(o.Templates) == 0 {
		o.Templates = []string{Diskless, File, SharedFile}
	}
	known := make(map[string]bool)
	for _, n := range nodeNames(o.Nodes) {
		known[n] = true
	}
	for n := range o.Groups {
		if !known[n] {
			return o, fmt.Errorf("vcluster: group given for unknown node %q", n)
		}
	}
	return o, nil
}

// group returns the name of the node's group.
func (o Options) group(node string) string {
	if g := o.Groups[node]; g != "" {
		return g
	}
	return defaultGroup
}

// newGroups returns the groups that have to be created, sorted.
func (o Options) newGroups() []string {
	seen := map[string]bool{defaultGroup: true, "": true}
	var names []string
	for _, g := range o.Groups {
		if !seen[g] {
			seen[g] = true
			names = append(names, g)
		}
	}
	sort.Strings(names)
	return names
}

// defaultGroup is the group that Ganeti makes by itself.
const defaultGroup = "default"

// nodeNames returns the names of n nodes.
func nodeNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("node%d", i+1)
	}
	return names
}
