package repair

import (
	"fmt"

	"ganeti-autorepair/luxi"
)

// taken is what the steps of a plan take whose jobs are submitted together: slots, and
// the locks of nodes. What must not wait is not submitted beside what keeps it (P16).
type taken struct {
	s     *Snapshot
	set   Settings
	busy  int               // repair jobs that bring back: under way, and of the plan
	slots int               // of the queue: taken by jobs that luxid has started, and by the plan
	nodes map[string]string // what takes a node, in words, by the node's name
	open  map[string]string // what takes all nodes of a group, as an allocator chooses among them, by group UUID
	all   string            // what takes all nodes of the cluster
}

func newTaken(s *Snapshot, set Settings) *taken {
	t := &taken{s: s, set: set, busy: bringingBack(s), nodes: map[string]string{}, open: map[string]string{}}
	for _, job := range s.Unfinished {
		if job.Status != luxi.JobQueued {
			t.slots++
		}
	}
	return t
}

// add takes a step of the plan into account that goes to the place. One that is tested
// for room first is not expected to begin; if it may, KeptFromBeginning tells what must
// not begin beside it.
func (t *taken) add(d Decision, place Place) {
	if !d.Start.Probe {
		t.begin(d, place)
	}
}

// begin takes a step into account that begins. A step that must not wait delays no other
// one: RECREATE_DISKS, and the failover of what is stopped, lock their nodes for seconds
// only. Not so where new disks are wiped: the nodes are locked until that is over
// (LUInstanceRecreateDisks in lib/cmdlib/instance_storage.py).
func (t *taken) begin(d Decision, place Place) {
	t.slots++
	if !copies(d.Start.Step) {
		t.busy++
	}
	if MustNotWait(d) && !(d.Start.Step == StepReinstall && t.s.Cluster.WipesDisks) {
		return
	}
	what := fmt.Sprintf("the %s of %s", d.Start.Step, d.Instance.Name)
	if place.IAllocator != "" {
		t.beginChoosing(d, what)
	}
	for _, name := range stepNodes(d, place) {
		t.nodes[name] = what
	}
}

// beginChoosing takes a step into account whose node an allocator chooses. REPLACE_DISKS
// takes the nodes of each group that the instance has a node in
// (lib/cmdlib/instance_storage.py); FAILOVER and MIGRATE take those of the cluster
// (lib/cmdlib/instance_migration.py).
func (t *taken) beginChoosing(d Decision, what string) {
	if !d.Start.Step.rebuilds() {
		t.all = what
		return
	}
	for _, group := range t.groups(d.Instance.Nodes()) {
		t.open[group] = what
	}
}

// groups returns the UUIDs of the groups of the nodes.
func (t *taken) groups(nodes []string) []string {
	var groups []string
	for _, name := range nodes {
		if n := t.s.Nodes[name]; n != nil {
			groups = append(groups, n.Group)
		}
	}
	return groups
}

// stepNodes returns the nodes whose locks a step takes as far as they are known.
// RECREATE_DISKS takes those that it is told to make disks on, not those that the instance
// has (lib/cmdlib/instance_storage.py).
func stepNodes(d Decision, place Place) []string {
	if d.Start.Step == StepReinstall {
		return place.Nodes
	}
	return append(d.Instance.Nodes(), place.Nodes...)
}

// blocks says why a step that must not wait, and goes to the place, would wait for another
// one of the plan, or "".
func (t *taken) blocks(d Decision, place Place) string {
	if !MustNotWait(d) {
		return ""
	}
	if t.set.MaxRunning > 0 && t.busy >= t.set.MaxRunning {
		return fmt.Sprintf("%d repairs are under way (max_running)", t.busy)
	}
	// The hold job takes a slot as well, and the jobs that write tags need one.
	if slots := t.s.Cluster.Slots; slots > 0 && t.slots+2 > slots {
		return fmt.Sprintf("the job queue has no slot left (max_running_jobs %d)", slots)
	}
	nodes := stepNodes(d, place)
	if place.IAllocator != "" {
		nodes = sorted(t.s.Nodes) // an allocator takes the locks of all
	}
	if what := t.choosingAmong(nodes); what != "" {
		return what + ", for which the allocator chooses a node, begins first"
	}
	for _, name := range nodes {
		if what, is := t.nodes[name]; is {
			return fmt.Sprintf("%s, which begins first, has node %s", what, name)
		}
	}
	return ""
}

// choosingAmong returns the step of the plan for which an allocator chooses a node, and so
// takes some of the nodes, or "".
func (t *taken) choosingAmong(nodes []string) string {
	if t.all != "" {
		return t.all
	}
	for _, group := range t.groups(nodes) {
		if what := t.open[group]; what != "" {
			return what
		}
	}
	return ""
}

// avoid returns the nodes that a step which must not wait would have to wait for.
func (t *taken) avoid(d Decision) map[string]bool {
	nodes := make(map[string]bool, len(t.nodes))
	if !MustNotWait(d) {
		return nodes
	}
	for name := range t.nodes {
		nodes[name] = true
	}
	return nodes
}

// onlyOthersTakeNodes reports whether a step that must not wait has no place for the sole
// reason that other steps of the plan take the nodes.
func (t *taken) onlyOthersTakeNodes(p *Placer, d Decision) bool {
	return MustNotWait(d) && len(t.nodes) > 0 && p.Fits(t.s, d.Instance, d.Start.Step)
}

// KeptFromBeginning returns, of actions whose tests have found room, why the step must not
// begin beside the others and those of the plan (P16); "" where it may, or there is none.
func KeptFromBeginning(s *Snapshot, set Settings, planned, ready []Action) []string {
	t := newTaken(s, set)
	for _, a := range planned {
		if a.Job != nil && !a.Job.Test {
			t.begin(a.Decision, a.Job.Place)
		}
	}
	why := make([]string, len(ready))
	for k, a := range ready {
		if a.Job == nil {
			continue
		}
		if why[k] = t.blocks(a.Decision, a.Job.Place); why[k] == "" {
			t.begin(a.Decision, a.Job.Place)
		}
	}
	return why
}
