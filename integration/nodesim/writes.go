package nodesim

// write is a write to a disk, with the one before it. Copies of a disk that hold
// the same writes share the last one; nil stands for no write at all.
type write struct {
	number int // grows with each write of the fleet
	before *write
}

// newWrite returns the next write after another one.
func (f *Fleet) newWrite(before *write) *write {
	f.writes++
	return &write{number: f.writes, before: before}
}

// includes reports whether x is among the writes that end with w.
func (w *write) includes(x *write) bool {
	for w != nil && x != nil && w.number > x.number {
		w = w.before
	}
	return w == x || x == nil
}

// first returns the oldest of the writes that end with w. Disks that were written
// independently of each other have different ones.
func (w *write) first() *write {
	for w != nil && w.before != nil {
		w = w.before
	}
	return w
}
