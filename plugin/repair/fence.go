package repair

import "ganeti-autorepair/tagstore"

// FenceNodes lists the offline nodes of the instance if the step starts or
// overwrites it elsewhere, but for those that somebody vouches for. The secondary node
// counts: an instance that was failed over before may still run there.
func FenceNodes(s *Snapshot, i *Instance, step Step) []string {
	var names []string
	for _, n := range fenceNodes(s, i, step) {
		if _, vouched := s.vouched(n); !vouched {
			names = append(names, n.Name)
		}
	}
	return names
}

// VouchedNodes lists the nodes whose fence is not asked before the step, because
// somebody vouches that nothing runs there, with the tag that says so (V5).
func VouchedNodes(s *Snapshot, i *Instance, step Step) map[string]string {
	tags := make(map[string]string)
	for _, n := range fenceNodes(s, i, step) {
		if m, vouched := s.vouched(n); vouched {
			tags[n.Name] = m.Tag
		}
	}
	return tags
}

// fenceNodes returns the offline nodes of the instance if the step starts or
// overwrites it elsewhere.
func fenceNodes(s *Snapshot, i *Instance, step Step) []*Node {
	if step != StepFailover && step != StepReinstall {
		return nil
	}
	var nodes []*Node
	for _, name := range i.Nodes() {
		if n := s.Nodes[name]; n != nil && n.Offline {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// vouched reports whether somebody vouches that nothing runs on the node, which is
// offline, and returns the tag. It counts only while the node has not changed since: one
// that was online meanwhile may run something again (V5).
func (s *Snapshot) vouched(n *Node) (tagstore.Mark, bool) {
	if n.Modified == 0 {
		return tagstore.Mark{}, false
	}
	return n.Tags.FencedAt(s.Time.Unix(), n.Modified)
}
