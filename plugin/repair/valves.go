package repair

import (
	"fmt"
	"sort"

	"ganeti-autorepair/tagstore"
)

// Valves blocks the steps that the valves do not let pass (V1 to V3). It returns the
// decisions in the same order, those that are blocked without their step, and which of
// them begin, in the order in which they are to begin (V4).
func Valves(s *Snapshot, decisions []Decision, set Settings) (after []Decision, starts []int) {
	after = append([]Decision(nil), decisions...)
	for k := range after {
		if after[k].Start != nil {
			starts = append(starts, k)
		}
	}
	sort.SliceStable(starts, func(a, b int) bool { return before(s, after[starts[a]], after[starts[b]]) })
	unhealthy := unhealthyGroups(s, set.MaxUnhealthy)
	begun := 0
	pass := starts[:0]
	for _, k := range starts {
		d := after[k]
		if s.Cluster.Slots == 1 {
			// The hold job would take the only slot, and no tag could be written.
			after[k] = d.Blocked(ReasonOneSlot, "the job queue runs one job at a time, repairs need two: gnt-cluster modify --max-running-jobs=20")
			continue
		}
		if d.Start.New {
			if why, blocked := unhealthy[s.GroupID(d.Instance)]; blocked {
				after[k] = d.Blocked(ReasonMaxUnhealthy, why)
				continue
			}
			if set.MaxNew > 0 && begun >= set.MaxNew {
				after[k] = d.Blocked(ReasonMaxNew, fmt.Sprintf("a pass begins at most %d repairs", set.MaxNew))
				continue
			}
			begun++
		}
		pass = append(pass, k)
	}
	return after, pass
}

// UnhealthyGroup returns why valve V2 lets no repair begin in the group of the
// instance, or "".
func UnhealthyGroup(s *Snapshot, i *Instance, set Settings) string {
	return unhealthyGroups(s, set.MaxUnhealthy)[s.GroupID(i)]
}

// unhealthyGroups lists the groups, by UUID, in which more than the given
// percentage of the nodes is offline or drained: that is rarely true and often
// a mistake, and so many repairs would not help (V2).
func unhealthyGroups(s *Snapshot, percent int) map[string]string {
	all, bad := make(map[string]int), make(map[string]int)
	for _, n := range s.Nodes {
		all[n.Group]++
		if n.Condition() != NodeOK {
			bad[n.Group]++
		}
	}
	unhealthy := make(map[string]string)
	for g, n := range bad {
		if n*100 > all[g]*percent {
			unhealthy[g] = fmt.Sprintf("%d of %d nodes of group %s are offline or drained (max_unhealthy_nodes %d%%)", n, all[g], s.Groups[g].Name, percent)
		}
	}
	return unhealthy
}

// urgency orders steps: least redundancy left first, then instances that are
// down, then the rest (V4).
func urgency(s *Snapshot, d Decision) int {
	i := d.Instance
	offline := func(name string) bool { n := s.Nodes[name]; return n != nil && n.Offline }
	down := offline(i.Primary) && i.AdminState == "up"
	lost := 0
	for _, name := range i.Nodes() {
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

func before(s *Snapshot, a, b Decision) bool {
	if ua, ub := urgency(s, a), urgency(s, b); ua != ub {
		return ua < ub
	}
	// Among equals the safer step, then the name.
	if ta, tb := stepType(a), stepType(b); ta != tb {
		return ta < tb
	}
	return a.Instance.Name < b.Instance.Name
}

func stepType(d Decision) tagstore.Type { return d.Start.Repair.Type }
