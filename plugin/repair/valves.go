package repair

import (
	"fmt"
	"sort"

	"ganeti-autorepair/tagstore"
)

// Guard holds steps that the valves do not let pass, and puts the others in
// the order in which they are to begin (V1 to V4). It is pure: it returns the
// decisions that start something, in order, and marks those it holds.
func Guard(s *Snapshot, decisions []*Decision, set Settings) []*Decision {
	var starts []*Decision
	for _, d := range decisions {
		if d.Start != nil {
			starts = append(starts, d)
		}
	}
	sort.SliceStable(starts, func(a, b int) bool { return before(s, starts[a], starts[b]) })
	crowded := UnhealthyGroups(s, set.MaxUnhealthy)
	begun := 0
	var pass []*Decision
	for _, d := range starts {
		if s.Cluster.Slots == 1 {
			// The hold job would take the only slot, and no tag could be written.
			d.Hold(ReasonOneSlot, "the job queue runs one job at a time, repairs need two: gnt-cluster modify --max-running-jobs=20")
			continue
		}
		if d.Start.New {
			if why, held := crowded[GroupOf(s, d.Instance)]; held {
				d.Hold(ReasonMaxUnhealthy, why)
				continue
			}
			if set.MaxNew > 0 && begun >= set.MaxNew {
				d.Hold(ReasonMaxNew, fmt.Sprintf("a pass begins at most %d repairs", set.MaxNew))
				continue
			}
			begun++
		}
		pass = append(pass, d)
	}
	return pass
}

// Hold takes a step back. A new repair has not begun then, so there is no tag of
// it either; one that is pending stays so, its tag untouched.
func (d *Decision) Hold(reason Reason, why string) {
	state := StatePending
	if d.Start.New {
		state = StateNeedsRepair
	}
	d.Start = nil
	if len(d.Settled) == 0 {
		// Old results go only when something newer is written (T9).
		d.Remove = d.left
	}
	d.State, d.Reason, d.Detail = state, reason, why
}

func GroupOf(s *Snapshot, i *Instance) string {
	if g := s.Group(i); g != nil {
		return g.UUID
	}
	return ""
}

// UnhealthyGroups lists the groups, by UUID, in which more than the given
// percentage of the nodes is offline or drained: that is rarely true and often
// a mistake, and so many repairs would not help (V2).
func UnhealthyGroups(s *Snapshot, percent int) map[string]string {
	all, bad := make(map[string]int), make(map[string]int)
	for _, n := range s.Nodes {
		all[n.Group]++
		if n.Condition() != nodeOK {
			bad[n.Group]++
		}
	}
	crowded := make(map[string]string)
	for g, n := range bad {
		if n*100 > all[g]*percent {
			crowded[g] = fmt.Sprintf("%d of %d nodes of group %s are offline or drained, more than max_unhealthy_nodes (%d%%)", n, all[g], s.Groups[g].Name, percent)
		}
	}
	return crowded
}

// urgency orders steps: least redundancy left first, then instances that are
// down, then the rest (V4).
func urgency(s *Snapshot, d *Decision) int {
	i := d.Instance
	offline := func(name string) bool { n := s.Nodes[name]; return n != nil && n.Offline }
	down := offline(i.Primary) && i.AdminState == "up"
	lost := 0
	for _, name := range append([]string{i.Primary}, i.Secondaries...) {
		if offline(name) {
			lost++
		}
	}
	// A step that makes an instance run again also wins over one that only
	// restores its redundancy.
	switch {
	case i.Template == "drbd" && lost > 0 && down:
		return 0
	case i.Template == "drbd" && lost > 0:
		return 1
	case down:
		return 2
	}
	return 3
}

func before(s *Snapshot, a, b *Decision) bool {
	if ua, ub := urgency(s, a), urgency(s, b); ua != ub {
		return ua < ub
	}
	// Among equals the safer step, then the name.
	if ta, tb := stepType(a), stepType(b); ta != tb {
		return ta < tb
	}
	return a.Instance.Name < b.Instance.Name
}

func stepType(d *Decision) tagstore.Type { return d.Start.Repair.Type }
