package repair

import (
	"fmt"
	"sort"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// Valves blocks the steps that are not to be taken now (V1 to V3, V7, P16, P20, P21). It
// returns the decisions in the same order, those that are blocked without their step, and
// which of them begin, in the order in which they are to begin (V4).
func Valves(s *Snapshot, decisions []Decision, set Settings) (after []Decision, starts []int) {
	v := valves{s: s, set: set, unhealthy: unhealthyGroups(s, set.MaxUnhealthy), returning: returning(s, decisions), relocations: relocations(s, decisions, set.MaxRelocations), busy: bringingBack(s)}
	for k := range decisions {
		if decisions[k].Start != nil {
			starts = append(starts, k)
		}
	}
	if len(starts) == 0 {
		return decisions, nil // they are many, and no copy of them is needed
	}
	after = append([]Decision(nil), decisions...)
	sort.SliceStable(starts, func(a, b int) bool { return before(s, after[starts[a]], after[starts[b]]) })
	pass := starts[:0]
	for _, k := range starts {
		reason, why := v.block(after[k])
		switch {
		case reason == ReasonCopiesLater:
			after[k] = after[k].postponed(reason, why)
		case reason != "":
			after[k] = after[k].Blocked(reason, why)
			continue
		}
		pass = append(pass, k)
	}
	return after, pass
}

// valves is what the valves count while they go through the steps.
type valves struct {
	s           *Snapshot
	set         Settings
	unhealthy   map[string]string // why no repair begins in a node group, by UUID
	returning   map[string]string // what is brought back from an offline node, by its name
	relocations map[string]string // why what was given up is not moved, by group UUID
	busy        int               // jobs that bring back: under way, and let pass so far
	begun       int               // new repairs let pass so far
}

// block returns the reason why the step is not taken now, and that in words; both are
// empty if it is.
func (v *valves) block(d Decision) (Reason, string) {
	switch {
	case v.s.Cluster.Slots == 1:
		// The hold job would take the only slot, and no tag could be written.
		return ReasonOneSlot, "the job queue runs one job at a time, repairs need two: gnt-cluster modify --max-running-jobs=20"
	case d.Start.Probe && !testDue(v.s, d):
		return ReasonNoRoom, d.Detail
	}
	if d.Start.New {
		if why, blocked := v.unhealthy[v.s.GroupID(d.Instance)]; blocked {
			return ReasonMaxUnhealthy, why
		}
		if v.set.MaxNew > 0 && v.begun >= v.set.MaxNew {
			return ReasonMaxNew, fmt.Sprintf("a pass begins at most %d repairs (max_new_per_pass)", v.set.MaxNew)
		}
	}
	if why, many := v.relocations[v.s.GroupID(d.Instance)]; many && d.Need.Row == RowRelocate && d.Start.ByPolicy() {
		return ReasonManyDown, why
	}
	if reason, why := v.blockStopped(d); reason != "" {
		if d.Start.Probe {
			return ReasonNoRoom, d.Detail // which is what it waits for first
		}
		return reason, why
	}
	if d.Start.New {
		v.begun++
	}
	if reason, why := v.blockCopy(d); reason != "" {
		return reason, why
	}
	switch {
	case copies(d.Start.Step):
	case v.waitedForRoom(d):
		// It takes a slot once there is room; until then others may have it.
	default:
		v.busy++
	}
	return "", ""
}

// waitedForRoom reports whether the step had no room the last time: a test comes first, or
// its place is chosen here, and none was tried since the repair became pending.
func (v *valves) waitedForRoom(d Decision) bool {
	return d.Start.Probe || choosesHere(v.s, v.set, d) && !d.Start.New && len(d.Start.Repair.Jobs) == 0
}

// blockCopy blocks a replace-disks until replace_disks_after has passed, so that a reboot
// of a node causes no copies (V7), and while instances of the lost node are still to be
// brought back, because it would lock their nodes (P20). The repair is pending meanwhile
// (S4).
func (v *valves) blockCopy(d Decision) (Reason, string) {
	if !d.Start.Step.rebuilds() {
		return "", ""
	}
	since, after := time.Unix(d.Start.Repair.Time, 0), v.set.ReplaceDisksAfter
	// A time in the future is a person's, or of a clock that was set back since. No copy waits
	// for it where none is to wait, nor much longer than one is to wait.
	if until := since.Add(after); until.After(v.s.Time) && since.Sub(v.s.Time) <= after {
		return ReasonCopiesLater, "copying begins at " + until.UTC().Format("2006-01-02 15:04:05 MST") + " (replace_disks_after)"
	}
	// Something may keep the others for long, as a fence that fails.
	if waited := v.s.Time.Sub(since); waited > 2*v.set.Interval || waited < 0 {
		return "", ""
	}
	for _, name := range d.Instance.Nodes() {
		if other, waits := v.returning[name]; waits && other != d.Instance.Name {
			return ReasonCopiesLater, fmt.Sprintf("%s of node %s is brought back first", other, name)
		}
	}
	return "", ""
}

// MustNotWait reports whether the step must not wait between its release and its
// beginning: a reinstallation, and a failover of what is stopped, or of what
// ganeti-watcher has given up and a person may start.
func MustNotWait(d Decision) bool {
	return d.Start.Step == StepReinstall || d.Start.Step == StepFailover && (d.Instance.AdminState != "up" || d.Need.Row == RowRelocate)
}

// blockStopped blocks a reinstallation, and a failover of what is stopped, unless it can
// begin at once as far as is known: a job that begins an hour after it was decided may
// destroy what has come back meanwhile (P16).
func (v *valves) blockStopped(d Decision) (Reason, string) {
	if !MustNotWait(d) {
		return "", ""
	}
	if v.set.MaxRunning > 0 && v.busy >= v.set.MaxRunning {
		return ReasonNoSlot, fmt.Sprintf("%d repairs are under way (max_running)", v.busy)
	}
	if job, held := jobOnNodeOf(v.s, d.Instance); held {
		return ReasonNoSlot, fmt.Sprintf("job %d has a node of it", job)
	}
	return "", ""
}

// returning names, for each offline node, an instance that is to be brought back from
// it: its step begins, or its job is unfinished.
func returning(s *Snapshot, decisions []Decision) map[string]string {
	list := make(map[string]string)
	add := func(i *Instance) {
		if n := s.Nodes[i.Primary]; n != nil && n.Offline && i.AdminState == "up" && list[n.Name] == "" {
			list[n.Name] = i.Name
		}
	}
	for _, d := range decisions {
		if d.Start != nil && d.Start.Step == StepFailover {
			add(d.Instance)
		}
	}
	for _, job := range s.Unfinished {
		if stepOf(job) != StepFailover {
			continue
		}
		for _, i := range s.Instances {
			if i.PlaceKnown && namesInstance(job.Ops[len(job.Ops)-1], i) {
				add(i)
			}
		}
	}
	return list
}

// bringingBack counts the unfinished repair jobs of ours that bring instances back.
func bringingBack(s *Snapshot) int {
	n := 0
	for _, job := range s.Unfinished {
		if m, ours := MarkOf(job); ours && m.Kind == MarkRepair && !copies(m.Step) {
			n++
		}
	}
	return n
}

// UnhealthyGroup returns why valve V2 lets no repair begin in the group of the
// instance, or "".
func UnhealthyGroup(s *Snapshot, i *Instance, set Settings) string {
	return unhealthyGroups(s, set.MaxUnhealthy)[s.GroupID(i)]
}

// unhealthyGroups lists the groups, by UUID, in which more than the given share of the
// nodes is offline or drained: that is rarely true and often a mistake, and so many
// repairs would not help (V2). Bad nodes that no instance uses do not count at all.
func unhealthyGroups(s *Snapshot, most Share) map[string]string {
	all, bad := make(map[string]int), make(map[string]int)
	for _, n := range s.Nodes {
		broken := n.Condition() != NodeOK
		if broken && n.Unused {
			continue
		}
		all[n.Group]++
		if broken {
			bad[n.Group]++
		}
	}
	unhealthy := make(map[string]string)
	for g, n := range bad {
		if most.ExceededBy(n, all[g]) {
			unhealthy[g] = fmt.Sprintf("%d of %d nodes of group %s are offline or drained (max_unhealthy_nodes %s)", n, all[g], s.Groups[g].Name, most)
		}
	}
	return unhealthy
}

// urgency orders steps: what is down and can be brought back with its data first, of
// that what has least redundancy left; then what has to be made anew; then what lacks
// redundancy, and then the rest (V4).
func urgency(s *Snapshot, d Decision) int {
	i := d.Instance
	offline := func(name string) bool { n := s.Nodes[name]; return n != nil && n.Offline }
	lost := false
	for _, name := range i.Nodes() {
		lost = lost || offline(name)
	}
	down := offline(i.Primary) && i.AdminState == "up"
	switch {
	case down && d.Start.Step == StepReinstall:
		return 2
	case down && i.Template == "drbd":
		return 0
	case down, d.Start.Step == StepFailover && i.AdminState == "up":
		return 1 // a failover never waits behind a migration (P20)
	case i.Template == "drbd" && lost:
		return 3
	}
	return 4
}

// before reports whether a step comes before another one: by its urgency, among equals the
// safer step, then the name.
func before(s *Snapshot, a, b Decision) bool {
	if ua, ub := urgency(s, a), urgency(s, b); ua != ub {
		return ua < ub
	}
	if ta, tb := stepType(a), stepType(b); ta != tb {
		return ta < tb
	}
	return NiceLess(a.Instance.Name, b.Instance.Name)
}

func stepType(d Decision) tagstore.Type { return d.Start.Repair.Type }

// jobOnNodeOf returns an unfinished job that has a node of the instance, or may take any.
func jobOnNodeOf(s *Snapshot, i *Instance) (luxi.JobID, bool) {
	held := nodesLockedByJobs(s, true)
	for _, name := range i.Nodes() {
		if job, is := held[name]; is {
			return job, true
		}
	}
	return 0, false
}

// nodesLockedByJobs returns the nodes that unfinished jobs have, or wait for as well, each with one
// of the jobs. A failover that has not begun, and is yet to choose a node, does not count: it has
// all nodes for a short time only.
func nodesLockedByJobs(s *Snapshot, waiting bool) map[string]luxi.JobID {
	held := make(map[string]luxi.JobID)
	take := func(job luxi.JobID, typed string) {
		for _, n := range s.Nodes {
			if luxi.MatchesName(typed, n.Name) {
				held[n.Name] = job
			}
		}
	}
	for _, job := range s.Unfinished {
		for _, op := range job.Ops {
			if op.Status.Final() || !locksNodes(op) || !waiting && op.Status != luxi.JobRunning {
				continue
			}
			for _, name := range append(changedNodes(op), op.Param("target_node"), op.Param("remote_node"), s.Targets[job.ID]) {
				take(job.ID, name)
			}
			for _, name := range op.ParamList("nodes") {
				take(job.ID, name)
			}
			for _, i := range s.Instances {
				if i.PlaceKnown && namesInstance(op, i) {
					for _, name := range i.Nodes() {
						held[name] = job.ID
					}
					if waiting && op.Param("iallocator") != "" && s.Targets[job.ID] == "" && (op.Status == luxi.JobRunning || op.ID != luxi.OpInstanceFailover) {
						lockAll(s, i, job.ID, op, held)
					}
				}
			}
		}
	}
	return held
}

// lockAll notes the nodes whose locks an opcode takes that is yet to choose a node for the
// instance: those of the node group, or of the cluster where it moves what is not on two nodes
// (ExpandNames and DeclareLocks in lib/cmdlib/instance_migration.py).
func lockAll(s *Snapshot, i *Instance, job luxi.JobID, op luxi.JobOp, held map[string]luxi.JobID) {
	moves := (op.ID == luxi.OpInstanceFailover || op.ID == luxi.OpInstanceMigrate) && len(i.Secondaries) == 0
	for _, n := range s.Nodes {
		if moves || n.Group == s.GroupID(i) {
			held[n.Name] = job
		}
	}
}

// locksNodes reports whether the opcode takes the locks of nodes, not of its instance
// alone (the table of locks in lib/cmdlib).
func locksNodes(op luxi.JobOp) bool {
	switch op.ID {
	case luxi.OpInstanceFailover, luxi.OpInstanceMigrate, luxi.OpInstanceReplaceDisks, luxi.OpInstanceRecreateDisks,
		luxi.OpInstanceActivateDisks, luxi.OpInstanceMove, luxi.OpInstanceCreate, luxi.OpInstanceGrowDisk:
		return true
	}
	return len(changedNodes(op)) > 0
}
