package repair

import (
	"sort"

	"ganeti-autorepair/luxi"
)

// Past is what earlier jobs, whoever submitted them, left behind that the configuration
// does not show. It is told by the queue and its archive, by instance UUID.
type Past struct {
	// HalfCopies are replace-disks that may have left the secondary incomplete (S15).
	HalfCopies map[string]HalfCopy
	// Transfers are migrations after which the instance may run on the node it was
	// transferred to (S16).
	Transfers map[string]Transfer
	// Mended is when each repair of ours last ended a job of an instance on good nodes, in Unix
	// seconds, by the id of the repair; by instance UUID.
	Mended map[string]map[string]int64
	// Chains are reinstallations that failed once they may have made disks, see Chain.
	Chains map[string]BrokenChain
}

// HalfCopy is a replace-disks that began and did not succeed.
type HalfCopy struct {
	Job  *JobFact
	Node string // the node that it was writing; empty if that is not known
}

// Concerns reports whether the half copy is what the instance has as its secondary. One
// whose replace-disks failed before it changed the configuration left the old mirror
// whole, on another node.
func (h HalfCopy) Concerns(i *Instance) bool {
	if h.Job == nil {
		return false
	}
	for _, name := range i.Secondaries {
		if h.Node == "" || luxi.MatchesName(h.Node, name) {
			return true
		}
	}
	return false
}

// Transfer is a migration that had begun to transfer an instance and did not succeed.
type Transfer struct {
	Job    *JobFact
	Target string // the node that it was transferred to; empty if that is not known
	// FoundOn is the node on which a later cleanup found the instance, though it failed
	// then; empty if there was none.
	FoundOn string
}

// Transfer returns the migration after which nobody knows where the instance runs. It is
// settled where a cleanup has found the instance, and the configuration says so: what
// was left then was to disconnect its disks on a node that is lost (S16).
func (p Past) Transfer(i *Instance) (Transfer, bool) {
	t, moved := p.Transfers[i.UUID]
	if t.FoundOn != "" && luxi.MatchesName(t.FoundOn, i.Primary) {
		return Transfer{}, false
	}
	return t, moved
}

// Chain returns the reinstallation that has left the instance without a system (S18).
// RECREATE_DISKS moves the instance before it makes disks (Exec of
// LUInstanceRecreateDisks): if it was cut off, and the instance is on none of its nodes,
// the old disks are as they were.
func (p Past) Chain(i *Instance) (BrokenChain, bool) {
	c, broken := p.Chains[i.UUID]
	if !broken || c.Nodes != nil && !onAny(i, c.Nodes) {
		return BrokenChain{}, false
	}
	return c, true
}

func onAny(i *Instance, nodes []string) bool {
	for _, name := range i.Nodes() {
		for _, typed := range nodes {
			if luxi.MatchesName(typed, name) {
				return true
			}
		}
	}
	return false
}

// InDoubt returns the instances, by UUID, that a job has left otherwise than the
// configuration says: without a system, or nobody knows where (S16, S18).
func (s *Snapshot) InDoubt() map[string]luxi.JobID {
	list := make(map[string]luxi.JobID)
	for _, i := range s.Instances {
		c, broken := s.Past.Chain(i)
		if broken {
			list[i.UUID] = c.Job.Info.ID
		}
		if t, moved := s.Past.Transfer(i); moved && (!broken || t.Job.Info.ID < c.Job.Info.ID) {
			list[i.UUID] = t.Job.Info.ID
		}
	}
	return list
}

// BrokenChain is a reinstallation that failed once it may have made disks.
type BrokenChain struct {
	Job   *JobFact
	WasUp bool // the instance was up before, so the chain was to start it in the end
	// Nodes are those that it was to make disks on, and may have; nil if it has made them,
	// or a chain before it has.
	Nodes []string
}

// chainNodes returns the nodes that a reinstallation was to make disks on, if it was cut
// off while it did; nil if it has made them.
func chainNodes(f *JobFact) []string {
	for _, op := range f.Info.Ops {
		if op.ID == luxi.OpInstanceRecreateDisks && op.Status != luxi.JobSuccess {
			return op.ParamList("nodes")
		}
	}
	return nil
}

// Acknowledgement is what a person said of an instance, as a job of ours tells it.
type Acknowledgement struct {
	Job    luxi.JobID
	UUID   string
	Intact bool // the system of the instance is there (S18); else its copies are whole (S15)
}

// NewPast goes through jobs opcode by opcode, in the order of their numbers, and
// returns what they left behind. What succeeded later settles what failed before, and so
// does what a person said later.
func NewPast(jobs []*JobFact, said []Acknowledgement) Past {
	p := Past{HalfCopies: map[string]HalfCopy{}, Transfers: map[string]Transfer{}, Chains: map[string]BrokenChain{}, Mended: map[string]map[string]int64{}}
	jobs = append([]*JobFact(nil), jobs...)
	sort.Slice(jobs, func(a, b int) bool { return jobs[a].Info.ID < jobs[b].Info.ID })
	for _, f := range jobs {
		if f.Outcome == OutcomeUnfinished {
			continue
		}
		for _, op := range f.Info.Ops {
			p.add(f, op)
		}
	}
	for _, a := range said {
		if h, ok := p.HalfCopies[a.UUID]; ok && !a.Intact && h.Job.Info.ID < a.Job {
			delete(p.HalfCopies, a.UUID)
		}
		if c, ok := p.Chains[a.UUID]; ok && a.Intact && c.Job.Info.ID < a.Job {
			delete(p.Chains, a.UUID)
		}
	}
	return p
}

// addMended notes that a job for an instance on good nodes has begun, and ended.
func (p Past) addMended(uuid string, f *JobFact) {
	m, _ := MarkOf(f.Info)
	if p.Mended[uuid] == nil {
		p.Mended[uuid] = make(map[string]int64)
	}
	p.Mended[uuid][m.ID] = f.Info.Ended.Unix()
}

// ofAllDisks reports whether an opcode names no disks, and so is about all of them.
func ofAllDisks(op luxi.JobOp) bool {
	disks := string(op.Params["disks"])
	return disks == "" || disks == "[]" || disks == "null"
}

// add takes one opcode of a job into account.
func (p Past) add(f *JobFact, op luxi.JobOp) {
	uuid := op.Param("instance_uuid")
	if uuid == "" || op.DryRun() {
		return
	}
	if RowMark(f.Info) != "" && op.Begun() {
		p.addMended(uuid, f)
	}
	switch op.ID {
	case luxi.OpInstanceReplaceDisks:
		switch {
		case op.Param("mode") == string(luxi.ReplaceOnPrimary) && !(op.Status == luxi.JobSuccess && ofAllDisks(op)):
			// It writes the primary's disks; those of the secondary that it reads are whole.
		case op.Status == luxi.JobSuccess || f.Succeeded():
			delete(p.HalfCopies, uuid)
		case f.endedBadly():
			p.HalfCopies[uuid] = HalfCopy{Job: f, Node: targetOf(f, op, "remote_node")}
		}
	case luxi.OpInstanceMigrate:
		switch {
		case op.Status == luxi.JobSuccess:
			// It looked whether the copy is whole, and where the instance runs.
			delete(p.HalfCopies, uuid)
			delete(p.Transfers, uuid)
		case f.endedBadly() && (f.Log == nil || f.Log.Transferred):
			p.Transfers[uuid] = Transfer{Job: f, Target: targetOf(f, op, "target_node")}
		case f.endedBadly() && f.Log.FoundOn != "":
			if t, moved := p.Transfers[uuid]; moved {
				t.FoundOn = f.Log.FoundOn
				p.Transfers[uuid] = t
			}
		}
	case luxi.OpInstanceFailover:
		if t, moved := p.Transfers[uuid]; moved && op.Status == luxi.JobSuccess && t.reachedBy(op) {
			delete(p.Transfers, uuid)
		}
	case luxi.OpInstanceRecreateDisks:
		if op.Status == luxi.JobSuccess {
			delete(p.HalfCopies, uuid)
		}
		// One that was cut off, as by the death of its process, may have done it all.
		if reinstalls(f) && (op.Status == luxi.JobSuccess || f.endedBadly()) {
			before, broken := p.Chains[uuid]
			c := BrokenChain{Job: f, WasUp: starts(f) || before.WasUp}
			if nodes := chainNodes(f); nodes != nil && (!broken || before.Nodes != nil) {
				c.Nodes = append(append(c.Nodes, before.Nodes...), nodes...)
			}
			p.Chains[uuid] = c
		}
	case luxi.OpInstanceReinstall:
		if op.Status == luxi.JobSuccess {
			delete(p.Chains, uuid)
		}
	}
}

// reachedBy reports whether a failover went to the node that the instance was
// transferred to. A drbd instance fails over to its secondary, for which no node is
// named.
func (t Transfer) reachedBy(failover luxi.JobOp) bool {
	named := failover.Param("target_node")
	return t.Target == "" || luxi.MatchesName(named, t.Target) || named == "" && failover.Param("iallocator") == ""
}

// targetOf returns the node that a job brought its instance to: what its log says, or
// the parameter that names it.
func targetOf(f *JobFact, op luxi.JobOp, param string) string {
	if f.Log != nil && f.Log.Target != "" {
		return f.Log.Target
	}
	return op.Param(param)
}

func reinstalls(f *JobFact) bool { return hasOp(f, luxi.OpInstanceReinstall) }
func starts(f *JobFact) bool     { return hasOp(f, luxi.OpInstanceStartup) }

func hasOp(f *JobFact, id string) bool {
	for _, op := range f.Info.Ops {
		if op.ID == id {
			return true
		}
	}
	return false
}

// AcknowledgementOf reads what a person said from the reason trail of a job.
func AcknowledgementOf(job luxi.JobInfo) (Acknowledgement, bool) {
	m, ours := MarkOf(job)
	if !ours || m.Kind != MarkAck || m.ID == "" || job.Status != luxi.JobSuccess {
		return Acknowledgement{}, false
	}
	return Acknowledgement{Job: job.ID, UUID: m.ID, Intact: m.Step == ackIntact}, true
}

// AckMark returns the reason trail's mark of a job that keeps what a person said of an
// instance.
func AckMark(uuid string, intact bool) Mark {
	m := Mark{Kind: MarkAck, ID: uuid}
	if intact {
		m.Step = ackIntact
	}
	return m
}

const ackIntact Step = "intact"

// NeedsPast reports whether what earlier jobs left behind matters for the instance: it
// is to be moved or reinstalled, or a repair is to be settled.
func NeedsPast(s *Snapshot, i *Instance) bool {
	if !i.PlaceKnown {
		return false
	}
	need := Diagnose(s, i)
	if !need.Healthy() {
		return (need.PrimaryBroken || need.OnGoodNodes()) && len(need.Steps) > 0
	}
	for _, r := range i.Tags.Records().Repairs {
		if !unfinishedAmong(s.JobsOf(r.Jobs)) {
			return true
		}
	}
	return false
}

func unfinishedAmong(jobs []*JobFact) bool {
	for _, f := range jobs {
		if f.Outcome == OutcomeUnfinished {
			return true
		}
	}
	return false
}
