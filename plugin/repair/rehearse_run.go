package repair

import (
	"encoding/json"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// rehearsalRun rehearses the loss of one node once.
type rehearsalRun struct {
	r         *Rehearser
	s         *Snapshot // its instances are those about which something is yet to be decided
	node      string
	placer    *Placer // knows what the steps so far have taken
	worst     bool
	uncertain bool // an allocator's choice decides about an instance
	nextJob   luxi.JobID
	ids       newIDs
	ends      map[string]*instanceEnd // by instance UUID
	chosen    map[string]bool         // instances, by UUID, that are on a node that an allocator chose
	asked     map[askClass]*ask
	othersAsk bool // instances of other nodes ask the allocator, too
	// allocates says that an allocator chooses for some of the instances.
	allocates bool
	choices   []Claim     // what steps so far have taken where an allocator chose, at worst
	chains    []*Instance // that are reinstalled, or would be if there were room
}

// instanceEnd is what has become of an instance so far.
type instanceEnd struct {
	instance *Instance // where it is now
	decision Decision  // the last one
	steps    []Step    // that succeeded
	noRoom   string    // why there is no room for its step, if that is final
}

// pass plans as a pass would and lets the jobs succeed for which there is room. It returns
// false if nothing has changed.
func (run *rehearsalRun) pass() bool {
	plan := NewPlan(run.s, run.placer.trial(), run.r.set, run.ids.next)
	later := planned(plan)
	run.allocates = run.allocates || allocates(plan, run.r.set)
	changed := make(map[*Instance]bool)
	over := make(map[*Instance]bool)
	for _, a := range plan.Actions {
		i := a.Decision.Instance
		if i == nil || a.TakesBack != nil {
			continue
		}
		if a.Job == nil {
			changed[i] = changed[i] || run.retag(i, a, 0)
			continue
		}
		later.done(a)
		place, why := run.place(a, later)
		job := run.nextJob
		run.nextJob++
		if why != "" {
			run.ends[i.UUID].noRoom, over[i] = why, true
			continue
		}
		run.s.Jobs[job] = succeeded(job, a)
		run.retag(i, a, job)
		run.move(i, a.Job.Step, place)
		changed[i] = true
	}
	var kept []*Instance
	for _, d := range plan.Decisions {
		i := d.Instance
		run.ends[i.UUID].decision = d
		waits := d.Start != nil || d.Reason == ReasonNoSlot
		if !over[i] && (changed[i] || waits) {
			kept = append(kept, i)
		}
	}
	some := len(changed) > 0 && anyOf(changed)
	// What had no room is left out from now on: nothing is ever freed that it could take.
	run.s.Instances = kept
	return some || len(over) > 0
}

func anyOf(set map[*Instance]bool) bool {
	for _, yes := range set {
		if yes {
			return true
		}
	}
	return false
}

// retag writes the tags of an instance as the action does, and reports whether that
// changes any.
func (run *rehearsalRun) retag(i *Instance, a Action, job luxi.JobID) bool {
	change, _ := a.Change(job)
	if len(change.Add)+len(change.Remove)+len(change.Before) == 0 {
		return false
	}
	gone := make(map[string]bool)
	for _, tag := range append(append([]string(nil), change.Remove...), change.Before...) {
		gone[tag] = true
	}
	var tags []string
	for _, tag := range i.Tags.List() {
		if !gone[tag] {
			tags = append(tags, tag)
		}
	}
	i.Tags = tagstore.Parse(luxi.TagInstance, append(tags, change.Add...))
	return true
}

// succeeded returns the job of the action as one that succeeded.
func succeeded(id luxi.JobID, a Action) *JobFact {
	uuid, _ := json.Marshal(a.Decision.Instance.UUID)
	info := luxi.JobInfo{ID: id, Known: true, Status: luxi.JobSuccess}
	for _, op := range a.Job.OpCodes {
		info.Ops = append(info.Ops, luxi.JobOp{
			ID: op.OpID(), Status: luxi.JobSuccess, ExecStart: time.Unix(1, 0),
			Params: map[string]json.RawMessage{"instance_uuid": uuid},
		})
	}
	return &JobFact{Info: info, Step: a.Job.Step, Outcome: OutcomeSuccess}
}

// move brings an instance where the step brings it.
func (run *rehearsalRun) move(i *Instance, step Step, nodes []string) {
	e := run.ends[i.UUID]
	e.steps = append(e.steps, step)
	switch {
	case step == StepReplaceDisks:
		i.Secondaries = nodes
	case step == StepReinstall:
		i.Primary, i.Secondaries = nodes[0], nodes[1:]
	case i.Template == "drbd":
		i.Primary, i.Secondaries = nodes[0], []string{i.Primary}
	default:
		i.Primary = nodes[0]
	}
}

// place returns the nodes that the step brings its instance to, which are given away, or
// why there is no room for it.
func (run *rehearsalRun) place(a Action, later *plannedAsks) ([]string, string) {
	i, step := a.Decision.Instance, a.Job.Step
	demand, known := run.placer.Demands[i.UUID]
	memory := demand.memory(step, i)
	if step == StepReplaceDisks {
		memory = 0
	}
	c := Claim{
		By: "the " + string(step) + " of " + i.Name, Instance: i, Nodes: a.Job.Place.Nodes,
		Memory: memory > 0, Disk: makesDisks(step), Primary: movesPrimary(step),
	}
	switch {
	case !known:
		run.uncertain = true
		if run.worst {
			return nil, "what it takes is not known"
		}
	case len(c.Nodes) > 0 && a.Decision.Start.Target == "":
		// The plan has looked for room. Nodes that are chosen here are chosen again if
		// others come first.
		if step == StepReinstall && run.allocates && !run.finds(c, demand, later) {
			run.uncertain = true
			run.chains = append(run.chains, i)
			if run.worst {
				c.Group, c.Nodes = run.s.GroupID(i), nil
				run.choices = append(run.choices, c)
				return nil, "whether a node of group " + run.groupName(c.Group) + " has room for it depends on where an allocator puts others"
			}
		}
	case len(c.Nodes) > 0 || movesToSecondary(a.Decision) && !run.chosen[i.UUID]:
		c.Nodes = a.To()[:1]
		if why := run.lacks(c.Nodes[0], i, memory); why != "" {
			return nil, why
		}
	default:
		return run.ask(a, c, memory, later)
	}
	if len(c.Nodes) == 0 {
		c.Nodes = a.To()
	}
	if len(c.Nodes) == 0 {
		c.Nodes = run.anyNode(i)
	}
	if len(c.Nodes) == 0 {
		return nil, "no other node of its group can take it"
	}
	if step == StepReinstall && run.allocates {
		// Others may come first, and it may go elsewhere then.
		run.chains = append(run.chains, i)
		nodes := c.Nodes
		if run.worst {
			c.Group, c.Nodes = run.s.GroupID(i), nil
			run.choices = append(run.choices, c)
		}
		return nodes, ""
	}
	run.placer.Claim(c)
	return c.Nodes, ""
}

// lacks returns why a node that is the only one has no memory for an instance, or "".
func (run *rehearsalRun) lacks(node string, i *Instance, memory int64) string {
	if memory == 0 {
		return ""
	}
	n := run.s.Nodes[node]
	for _, r := range run.placer.Rooms[n.Group] {
		if r.Node != node {
			continue
		}
		free := run.placer.memory(r)
		if free < memory {
			return fmt.Sprintf("node %s has %d MiB of memory free, it takes %d", node, atLeastNone(free), memory)
		}
		if open := run.open(n.Group, nil).memory; open > 0 && free-open < memory {
			run.uncertain = true
			if run.worst {
				return fmt.Sprintf("node %s may have no %d MiB of memory free then, depending on what an allocator chooses for others", node, memory)
			}
		}
		return ""
	}
	run.uncertain = true
	if run.worst {
		return "what node " + node + " has free is not known"
	}
	return ""
}

func atLeastNone(mib int64) int64 {
	if mib < 0 {
		return 0
	}
	return mib
}

// anyNode returns the usable node of the instance's group with most memory free.
func (run *rehearsalRun) anyNode(i *Instance) []string {
	most, best := int64(-1), ""
	own := make(map[string]bool)
	for _, name := range i.Nodes() {
		own[name] = true
	}
	for _, r := range run.placer.Rooms[run.s.GroupID(i)] {
		if free := atLeastNone(run.placer.memory(r)); !own[r.Node] && free > most {
			most, best = free, r.Node
		}
	}
	if best == "" {
		return nil
	}
	return []string{best}
}

// result returns what has become of an instance of the node.
func (run *rehearsalRun) result(i *Instance, node string) RehearsedInstance {
	e := run.ends[i.UUID]
	f := RehearsedInstance{Instance: i, Steps: e.steps, Reason: e.decision.Reason, Detail: e.decision.Detail}
	if e.noRoom != "" {
		f.Reason, f.Detail = ReasonNoRoom, e.noRoom
	}
	bad := func(name string) bool { n := run.s.Nodes[name]; return n == nil || n.Condition() != NodeOK }
	n := run.s.Nodes[e.instance.Primary]
	f.Down = i.AdminState == "up" && n != nil && n.Offline
	for _, name := range e.instance.Nodes() {
		f.Stays = f.Stays || name == node
	}
	for _, name := range e.instance.Secondaries {
		f.OneCopy = f.OneCopy || bad(name)
	}
	f.Outcome = rehearsalOutcome(i, e, f, bad)
	if f.Outcome != RehearsedReinstalled && i.Template == "drbd" && f.Down {
		f.OneCopy = true
	}
	return f
}

func rehearsalOutcome(i *Instance, e *instanceEnd, f RehearsedInstance, bad func(string) bool) RehearsalOutcome {
	moved := false
	for _, step := range e.steps {
		switch step {
		case StepReinstall:
			return RehearsedReinstalled
		case StepFailover:
			if i.AdminState == "up" {
				return RehearsedRestarted
			}
			moved = true
		case StepMigrate:
			moved = true
		}
	}
	switch {
	case moved:
		return RehearsedMoved
	case len(e.steps) > 0 && !bad(e.instance.Primary) && !f.OneCopy:
		return RehearsedCopied
	}
	switch f.Reason {
	case ReasonNoPermission, ReasonTooWeak:
		return RehearsedNotPermitted
	case ReasonNoRoom, ReasonNoTarget:
		return RehearsedNoRoom
	case ReasonNoRepair, ReasonAdminOffline:
		return RehearsedNoRepair
	}
	return RehearsedBlocked
}
