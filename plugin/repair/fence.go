package repair

// FenceNodes lists the offline nodes of the instance if the step starts or
// overwrites it elsewhere. The secondary node counts: an instance that was failed
// over before may still run there.
func FenceNodes(s *Snapshot, i *Instance, step Step) []string {
	if step != StepFailover && step != StepReinstall {
		return nil
	}
	var names []string
	for _, name := range i.Nodes() {
		if n := s.Nodes[name]; n != nil && n.Offline {
			names = append(names, name)
		}
	}
	return names
}
