package repair

import (
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
)

// Claim is room that an unfinished job, or another step of the plan, is going to take:
// a node says what is free now, and a reinstallation has destroyed its data long before
// it starts the instance and finds no memory (P10).
type Claim struct {
	By       string    // what takes it, in words
	Instance *Instance // nil where it is not known how much it takes
	// Nodes are where it takes room, the primary node first; nil where an allocator
	// is yet to choose among the nodes of Group, or of any group if that is empty.
	Nodes   []string
	Group   string // UUID
	Memory  bool   // memory of the first node
	Disk    bool   // disk of all of the nodes
	Primary bool   // the first node becomes the primary node of the instance
	Planned bool   // by another step of the plan
}

// mayTake reports whether the claim is for a node of the group that is yet to be chosen.
func (c Claim) mayTake(group string) bool {
	return c.Nodes == nil && (c.Group == "" || c.Group == group)
}

// on reports whether the claim is for the node, and whether that is its first one.
func (c Claim) on(node string) (there, first bool) {
	for k, name := range c.Nodes {
		if name == node {
			return true, k == 0
		}
	}
	return false, false
}

// Claims returns what unfinished jobs of anybody's are going to take.
func (s *Snapshot) Claims() []Claim {
	var list []Claim
	find := s.finder()
	for _, job := range s.Unfinished {
		byInstance := make(map[string]int) // where its claim is in the list
		for k, op := range job.Ops {
			if op.DryRun() {
				continue
			}
			c, ok := s.claimOf(job, op, find(op))
			if !ok {
				continue
			}
			c.By = fmt.Sprintf("job %d (%s)", job.ID, summaryOf(job, k))
			if c.Instance != nil {
				// A later opcode of the job starts what an earlier one has placed.
				if at, more := byInstance[c.Instance.UUID]; more {
					list[at].Memory = list[at].Memory || c.Memory
					continue
				}
				byInstance[c.Instance.UUID] = len(list)
			}
			list = append(list, c)
		}
	}
	return list
}

// summaryOf returns the line for an opcode of a job.
func summaryOf(job luxi.JobInfo, k int) string {
	if k < len(job.Summary) {
		return job.Summary[k]
	}
	return strings.TrimPrefix(job.Ops[k].ID, "OP_")
}

// claimOf returns what an opcode of an unfinished job takes, and whether it takes
// anything. i is the instance that it names, or nil.
func (s *Snapshot) claimOf(job luxi.JobInfo, op luxi.JobOp, i *Instance) (Claim, bool) {
	switch op.ID {
	case luxi.OpInstanceFailover, luxi.OpInstanceMigrate, luxi.OpInstanceReplaceDisks, luxi.OpInstanceRecreateDisks, luxi.OpInstanceMove, luxi.OpInstanceStartup:
		if i == nil || !i.PlaceKnown {
			return s.unknownClaim(op)
		}
		return s.claimFor(job, op, i)
	case luxi.OpInstanceCreate, luxi.OpInstanceMultiAlloc, luxi.OpInstanceChangeGroup, luxi.OpGroupEvacuate:
		return s.unknownClaim(op)
	case luxi.OpNodeEvacuate, luxi.OpNodeMigrate:
		c, ok := s.unknownClaim(op)
		if n := s.nodeTyped(op.Param("node_name")); n != nil {
			c.Group = n.Group
		}
		return c, ok
	}
	return Claim{}, false
}

// claimFor returns what an opcode takes for an instance whose place is known.
func (s *Snapshot) claimFor(job luxi.JobInfo, op luxi.JobOp, i *Instance) (Claim, bool) {
	c := Claim{Instance: i, Nodes: s.namedNodes(op), Group: s.GroupID(i)}
	if target := s.Targets[job.ID]; c.Nodes == nil && target != "" && op.Status == luxi.JobRunning {
		c.Nodes = []string{target} // the allocator has chosen
	}
	over := op.Status.Final()
	switch op.ID {
	case luxi.OpInstanceMigrate, luxi.OpInstanceFailover:
		// Ganeti starts what it fails over only if that is admin up.
		c.Memory, c.Primary = op.ID == luxi.OpInstanceMigrate || i.AdminState == "up", true
		switch {
		case len(i.Secondaries) > 0:
			c.Nodes = i.Secondaries // where drbd goes
		case c.Nodes == nil && s.chosenByNow(job, i.Primary):
			c.Nodes = []string{i.Primary}
		}
	case luxi.OpInstanceMove:
		c.Memory, c.Disk, c.Primary = i.AdminState == "up", true, true
	case luxi.OpInstanceStartup:
		c.Nodes, c.Memory, c.Primary = []string{i.Primary}, true, true
	case luxi.OpInstanceReplaceDisks:
		c.Disk = true
		switch {
		case op.Param("mode") != string(luxi.ReplaceNewSecondary):
			c.Nodes = i.Nodes() // new volumes beside the old ones
		case c.Nodes == nil && len(i.Secondaries) > 0 && s.chosenByNow(job, i.Secondaries[0]):
			return Claim{}, false // its disks are made
		}
	case luxi.OpInstanceRecreateDisks:
		// A reinstallation is not over with its first opcode: the start of the instance
		// is yet to come.
		c.Memory, c.Disk, c.Primary = true, !over, true
		if c.Nodes == nil && op.Param("iallocator") == "" {
			c.Nodes = i.Nodes()
		}
		over = false
		if c.Nodes == nil {
			c.Group = "" // such an allocator chooses among all groups
		}
	}
	return c, !over
}

// chosenByNow reports whether a repair job has brought its instance to the node: what
// was on a bad node before is on a good one.
func (s *Snapshot) chosenByNow(job luxi.JobInfo, node string) bool {
	m, ours := MarkOf(job)
	n := s.Nodes[node]
	return ours && m.Kind == MarkRepair && n != nil && n.Condition() == NodeOK
}

// unknownClaim returns the claim of an opcode of which it is not known how much it takes.
func (s *Snapshot) unknownClaim(op luxi.JobOp) (Claim, bool) {
	c := Claim{Nodes: s.namedNodes(op), Memory: true, Disk: true}
	for _, g := range s.Groups {
		if luxi.MatchesName(op.Param("group_name"), g.Name) && op.ID == luxi.OpInstanceCreate {
			c.Group = g.UUID
		}
	}
	return c, !op.Status.Final()
}

// namedNodes returns the nodes that the opcode names for its instance; nil if it names
// none.
func (s *Snapshot) namedNodes(op luxi.JobOp) []string {
	typed := op.ParamList("nodes")
	for _, param := range []string{"pnode", "snode", "target_node", "remote_node"} {
		if name := op.Param(param); name != "" {
			typed = append(typed, name)
		}
	}
	var names []string
	for _, name := range typed {
		if n := s.nodeTyped(name); n != nil {
			name = n.Name
		}
		names = append(names, name)
	}
	return names
}

// nodeTyped returns the node that a name, as somebody typed it, stands for, or nil.
func (s *Snapshot) nodeTyped(name string) *Node {
	if n := s.Nodes[name]; n != nil {
		return n
	}
	for _, n := range s.Nodes {
		if luxi.MatchesName(name, n.Name) {
			return n
		}
	}
	return nil
}

// finder returns a function that finds the instance that an opcode names, or nil. A
// name in full or a UUID is looked up; only what somebody has typed is searched for.
func (s *Snapshot) finder() func(luxi.JobOp) *Instance {
	byUUID, byName := make(map[string]*Instance, len(s.Instances)), make(map[string]*Instance, len(s.Instances))
	for _, i := range s.Instances {
		byUUID[i.UUID], byName[i.Name] = i, i
	}
	return func(op luxi.JobOp) *Instance {
		if i := byUUID[op.Param("instance_uuid")]; i != nil {
			return i
		}
		typed := op.Param("instance_name")
		if i := byName[typed]; i != nil {
			return i
		}
		for _, i := range s.Instances {
			if luxi.MatchesName(typed, i.Name) {
				return i
			}
		}
		return nil
	}
}

// Contested returns which job of somebody else's, submitted since the plan was made, has
// one of the nodes that a reinstallation was given, or may take the room there, or "".
func (p Place) Contested(plan, fresh *Snapshot, i *Instance) string {
	planned := make(map[luxi.JobID]bool)
	for _, job := range plan.Unfinished {
		planned[job.ID] = true
	}
	since := *fresh
	since.Unfinished = nil
	for _, job := range fresh.Unfinished {
		if _, ours := MarkOf(job); !ours && !planned[job.ID] {
			since.Unfinished = append(since.Unfinished, job)
		}
	}
	held, claims := since.NodesNamedInJobs(), since.Claims()
	for _, node := range p.Nodes {
		if job, is := held[node]; is {
			return fmt.Sprintf("job %d (%s) has %s", job.ID, strings.Join(job.Summary, ", "), node)
		}
		for _, c := range claims {
			if there, _ := c.on(node); there || c.mayTake(fresh.GroupID(i)) {
				return c.By + " may take what is free on " + node
			}
		}
	}
	return ""
}

// NodesNamedInJobs returns the nodes that unfinished jobs which change something name, that
// their allocators have chosen, or on which the instances are that they name, each with
// such a job.
func (s *Snapshot) NodesNamedInJobs() map[string]luxi.JobInfo {
	held := make(map[string]luxi.JobInfo)
	find := s.finder()
	for _, job := range s.Unfinished {
		for _, op := range job.Ops {
			if op.Status.Final() || !changes(op) {
				continue
			}
			list := append(s.namedNodes(op), op.ParamList("node_names")...)
			for _, name := range []string{op.Param("node_name"), s.Targets[job.ID]} {
				if name != "" {
					list = append(list, name)
				}
			}
			if i := find(op); i != nil && i.PlaceKnown {
				list = append(list, i.Nodes()...)
			}
			for _, name := range list {
				n := s.nodeTyped(name)
				if n == nil {
					continue
				}
				if _, known := held[n.Name]; !known {
					held[n.Name] = job
				}
			}
		}
	}
	return held
}

// changes reports whether an opcode does more than to look, to wait, or to write tags.
func changes(op luxi.JobOp) bool {
	return !op.ReadOnly() && op.ID != luxi.OpTagsSet && op.ID != luxi.OpTagsDel
}

// expect gives away what the steps of the plan may take whose nodes are not chosen here,
// in whatever order they come.
func (f *Draft) expect(p *Placer) {
	if p.expected {
		return
	}
	p.expected = true
	for _, k := range f.starts {
		if d := f.decisions[k]; !d.Start.Later && !f.choosesHere(d) {
			p.expect(f.snapshot, d.Instance, d.Start)
		}
	}
}

// expect gives away what a step of the plan may take whose nodes are not chosen here: on
// the secondary node of a drbd instance that moves there, or wherever an allocator puts
// it. A test for room of what fits nowhere takes nothing, nor does a failover that fits
// nowhere: beside a reinstallation it is not submitted, and would keep that waiting for ever.
func (p *Placer) expect(s *Snapshot, i *Instance, start *Start) {
	c := claimOf(s, i, start)
	if c.Nodes != nil || p.mayFit(c) || !start.Probe && start.Step != StepFailover {
		p.Claim(c)
	}
}

// claimOf returns what a step of the plan may take whose nodes are not chosen here.
func claimOf(s *Snapshot, i *Instance, start *Start) Claim {
	c := Claim{
		By: "the " + string(start.Step) + " of " + i.Name, Instance: i, Group: s.GroupID(i),
		Memory: movesPrimary(start.Step) && (start.Step == StepMigrate || i.AdminState == "up"),
		Disk:   makesDisks(start.Step), Primary: movesPrimary(start.Step), Planned: true,
	}
	switch {
	case start.Target != "":
		c.Nodes = []string{start.Target}
	case c.Primary && i.Template == "drbd":
		c.Nodes = i.Secondaries
	}
	return c
}
