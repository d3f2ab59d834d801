package repair

import (
	"fmt"
)

// Assumption is what is taken to be true of nodes beside what is read: what
// would be done if they were offline, or drained.
type Assumption struct {
	Offline, Drained []string // names of nodes
}

// Empty reports whether nothing is assumed.
func (a Assumption) Empty() bool { return len(a.Offline) == 0 && len(a.Drained) == 0 }

// Apply sets the flags of the nodes. As in Ganeti one flag excludes the other,
// and the master node can have neither (lib/cmdlib/node.py).
func (a Assumption) Apply(s *Snapshot) error {
	set := func(names []string, flag string, change func(*Node)) error {
		for _, name := range names {
			n := s.node(name)
			switch {
			case n == nil:
				return fmt.Errorf("there is no node %q: gnt-node list", name)
			case n.Name == s.Cluster.Master:
				return fmt.Errorf("node %s is the master, which cannot be %s; move the role first: gnt-cluster master-failover", n.Name, flag)
			}
			change(n)
		}
		return nil
	}
	if err := set(a.Drained, "drained", func(n *Node) { n.Drained, n.Offline = true, false }); err != nil {
		return err
	}
	return set(a.Offline, "offline", func(n *Node) { n.Offline, n.Drained, n.SilentSince = true, false, 0 })
}

// node finds a node by its name or, if that is unique, the first label of it.
func (s *Snapshot) node(name string) *Node {
	if n := s.Nodes[name]; n != nil {
		return n
	}
	var found *Node
	for _, n := range s.Nodes {
		if SameNode(name, n.Name) {
			if found != nil {
				return nil
			}
			found = n
		}
	}
	return found
}
