package repair

// mendedSince reports whether the newest verification of disks says that no copy is lost any
// more: it began after the look, and does not list the instance, which it leaves out where the
// disks are inactive, and where it did not reach a node. Of a copy that drbd did not use the
// primary node has to tell, as its volumes are there.
func (s *Snapshot) mendedSince(i *Instance, look DiskLook) bool {
	v, verified := s.Disks.Newest[s.GroupID(i)]
	if !verified || v.Begun <= look.Begun || v.lists(i.Name) || i.DisksActive == nil || !*i.DisksActive {
		return false
	}
	asked := i.Secondaries
	if len(look.Diskless) > 0 {
		asked = i.Nodes()
	}
	for _, name := range asked {
		if n := s.Nodes[name]; n == nil || contains(v.Unreached, n.UUID) {
			return false
		}
	}
	return true
}

// NoteMended notes of looks that found a copy lost that it is mended, where the newest
// verification says so: once a node of the instance is lost none tells that any more.
func (v Verifications) NoteMended(s *Snapshot) {
	for _, i := range s.Instances {
		if look, known := v.Looks[i.UUID]; known && look.mayLack() && look.isOf(i) && s.mendedSince(i, look) {
			v.Looks[i.UUID] = look.Mended()
		}
	}
}
