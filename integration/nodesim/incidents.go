package nodesim

import "fmt"

// Kind is a kind of incident.
type Kind string

// The kinds of incidents.
const (
	// RunsTwice is an instance that is started, or goes on, on a second node.
	RunsTwice Kind = "runs-twice"
	// StaleStart is an instance that starts from a copy that lacks writes which
	// another copy has. Online says whether that one is on an online node.
	StaleStart Kind = "stale-start"
	// Incomplete is an instance that is to start from a copy that is the target of
	// a resynchronization which has not ended. DRBD refuses that.
	Incomplete Kind = "incomplete"
	// Destroyed are data that were on an online node when the call came that
	// removed, overwrote or gave up the only complete copy of them.
	Destroyed Kind = "destroyed"
	// NoDisk is an instance that runs and has lost its last disk: DRBD had no local
	// one, and lost the other end.
	NoDisk Kind = "no-disk"
	// Resumed is an instance that goes on where its migration began although it
	// has run on the target since: its memory does not match its disks.
	Resumed Kind = "resumed"
)

// Incident is an event that a cluster must never see, whoever caused it.
type Incident struct {
	Kind     Kind
	Instance string
	Node     string // where it happened
	Other    string // the node with the better copy, or where the instance runs as well
	Online   bool   // whether Other was on, plugged and not marked offline
	Call     string // the call that led to it; "" if it was none
	Text     string
}

// String returns what happened, and by which call.
func (i Incident) String() string {
	if i.Call == "" {
		return i.Text
	}
	return fmt.Sprintf("%s (%s)", i.Text, i.Call)
}

// Incidents lists what has happened so far, of the given kinds or of all.
func (f *Fleet) Incidents(kinds ...Kind) []Incident {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []Incident
	for _, i := range f.incidents {
		wanted := len(kinds) == 0
		for _, k := range kinds {
			wanted = wanted || i.Kind == k
		}
		if wanted {
			list = append(list, i)
		}
	}
	return list
}

// report records an incident. The call is that which is being executed.
func (f *Fleet) report(i Incident, format string, args ...interface{}) {
	i.Text = fmt.Sprintf(format, args...)
	i.Call = f.current
	if other := f.nodes[i.Other]; other != nil {
		i.Online = other.online()
	}
	f.incidents = append(f.incidents, i)
}

// checkStaleStart reports an instance that starts on the node from a copy of a disk
// that lacks writes of another copy.
func (n *node) checkStaleStart(name, key string, v *volume) {
	for _, other := range n.fleet.sorted() {
		if o := other.volumes[key]; o != nil && o.upToDate && v.sameDisk(o) && v.lacks(o) {
			n.fleet.report(Incident{Kind: StaleStart, Instance: name, Node: n.spec.Name, Other: other.spec.Name},
				"%s starts on %s from a copy that lacks writes, %s has a better one", name, n.spec.Name, other.spec.Name)
		}
	}
}

// checkSecondRun reports an instance that starts on the node and runs on another one.
func (n *node) checkSecondRun(name string) {
	for _, other := range n.fleet.runsOn(name) {
		if other != n.spec.Name {
			n.fleet.report(Incident{Kind: RunsTwice, Instance: name, Node: n.spec.Name, Other: other},
				"%s runs on %s and is started on %s", name, other, n.spec.Name)
		}
	}
}

// checkRemoval reports a volume that is removed although no other online node has all
// that was written to it. Only volumes of DRBD devices that are removed by themselves
// count, as replace-disks does it. Removing a whole disk, or an instance, is the wish
// of a person.
func (n *node) checkRemoval(v *volume) {
	if !v.mirrored || !v.hasData() || !n.online() {
		return
	}
	for _, other := range n.fleet.nodes {
		if !other.online() {
			continue
		}
		for _, o := range other.volumes {
			if o != v && o.owner == v.owner && o.hasData() && o.sameDisk(v) && !o.lacks(v) {
				return
			}
		}
	}
	n.fleet.report(Incident{Kind: Destroyed, Instance: v.owner, Node: n.spec.Name, Other: n.spec.Name},
		"the copy of disk/%d of %s is removed from %s, and no online node has all that was written to it", v.disk, v.owner, n.spec.Name)
}

// checkReplacement reports a disk that gets new content on the node while an online
// node has the old content. The verb says how.
func (n *node) checkReplacement(owner, key, verb string) {
	for _, other := range n.fleet.sorted() {
		if v := other.volumes[key]; v.hasData() && v.owner == owner && other.online() {
			n.fleet.report(Incident{Kind: Destroyed, Instance: owner, Node: n.spec.Name, Other: other.spec.Name},
				"disk/%d of %s is %s on %s while its data are on %s", v.disk, owner, verb, n.spec.Name, other.spec.Name)
			return
		}
	}
	if v := n.fleet.shared[key]; v.hasData() && v.owner == owner {
		n.fleet.report(Incident{Kind: Destroyed, Instance: owner, Node: n.spec.Name, Other: n.spec.Name},
			"disk/%d of %s is %s on %s while its data are on shared storage", v.disk, owner, verb, n.spec.Name)
	}
}
