package judge

import (
	"fmt"
	"strings"
	"time"
)

// atOnce is how long after its release a job that nothing stands in the way of
// begins at the latest. What changes within that time is nobody's fault.
const atOnce = 10 * time.Second

// objection is a reason why a job may not be released or begin.
type objection struct {
	demand string
	why    string
	// taken says that it is also a reason to take the job back (P15).
	taken bool
}

// objections returns what speaks against the job as the cluster is.
func (v *verdict) objections(c *Cluster, j *Job) []objection {
	var list []objection
	object := func(demand string, taken bool, format string, args ...any) {
		list = append(list, objection{demand, fmt.Sprintf(format, args...), taken})
	}
	i := c.ByUUID(j.uuid())
	if i == nil || i.Name != j.Instance() {
		// Ganeti refuses a job of a renamed instance, whoever has its name now.
		object("P11", i == nil, "the instance is another one")
		return list
	}
	policy, r := PolicyOf(c, i), recordsOf(i.Tags)
	if policy.Suspended {
		object("S2", false, "it is suspended")
	}
	if r.failed {
		object("S11", false, "it has a failure result")
	}
	if r.unreadable != "" {
		object("T10", false, "it has the tag %s", r.unreadable)
	}
	typ, named := "", false
	for _, p := range r.pending {
		if p.names(j.ID) && (typ == "" || Risk(p.Type) < Risk(typ)) {
			typ, named = p.Type, true
		}
	}
	least, why := Least(c, i, j)
	if why != "" && v.fitsLook(c, i, j) {
		least, why = "fix-storage", ""
	}
	switch {
	case why != "":
		object("P12", true, "%s", why)
	case named && Risk(typ) < Risk(least):
		demand := "T1"
		if i.NoMigration {
			demand = "P18"
		}
		object(demand, true, "it takes %s, and its repair is of type %s", least, typ)
	}
	if !named {
		object("C1", true, "no pending tag names it")
	}
	if why == "" {
		v.permission(c, i, j, policy, object)
		v.place(c, i, j, object)
	}
	return list
}

// permission looks at the policy under which a repair is yet to begin (P22).
func (v *verdict) permission(c *Cluster, i *Instance, j *Job, policy Opinion, object func(string, bool, string, ...any)) {
	id := j.Repair()
	if !v.byPolicy(id) || v.hasBegun(id) || policy.Suspended {
		return
	}
	need := NeedOf(c, i)
	switch {
	case policy.Misspelt != "":
		object("T10", true, "the tag %s is the nearest opinion, and nobody can read it", policy.Misspelt)
	case Risk(policy.Type) < Risk(need.Type):
		object("P22", true, "the policy permits %q, and the repair, none of whose jobs has begun, takes %s", policy.Type, need.Type)
	}
}

// byPolicy reports whether the repair was not asked for by anybody.
func (v *verdict) byPolicy(id string) bool {
	return v.Own(id) && (len(id) < 2 || id[:2] != "r-")
}

// hasBegun reports whether a job of the repair has begun so far.
func (v *verdict) hasBegun(id string) bool {
	for job := range v.begun {
		if v.jobs[job].Repair() == id {
			return true
		}
	}
	return false
}

// place looks at where the job would bring the instance, and at what it would find
// there.
func (v *verdict) place(c *Cluster, i *Instance, j *Job, object func(string, bool, string, ...any)) {
	step, op := j.Step(), j.stepOp()
	targets := op.List("nodes")
	for _, key := range []string{"target_node", "remote_node"} {
		if name := op.Text(key); name != "" {
			targets = append(targets, name)
		}
	}
	if i.Template == "drbd" && (step == stepM || step == stepF) {
		targets = []string{i.Secondary}
	}
	for _, name := range targets {
		if n, there := c.Nodes[name]; !there || !n.fit() {
			object("P11", true, "node %s is not fit to take it", name)
		} else if name != i.Secondary && n.Group != c.Nodes[i.Primary].Group {
			object("P11", true, "node %s is in another group", name)
		}
	}
	if at, is := v.released[j.ID]; is && step == stepF && i.Admin != "up" {
		if was := v.Moments[at].Cluster.ByUUID(i.UUID); was != nil && was.Admin == "up" {
			object("P15", true, "it is admin %s now", i.Admin)
		}
	}
	if step == stepChain && i.Admin == "offline" {
		object("P10", true, "it is marked offline")
	}
	if step == stepChain {
		for _, name := range targets {
			if n := c.Nodes[name]; n.OSes != nil && !contains(n.OSes, i.OS) && i.OS != "" {
				object("P10", false, "node %s lacks its OS %s", name, i.OS)
			}
		}
		if len(targets) > 0 {
			if other := c.excluded(i, targets[0]); other != "" {
				object("P10", false, "node %s has %s, which shares an exclusion tag with it", targets[0], other)
			}
		}
	}
	if step == stepChain && v.wasUp(i, c.Time) && !j.has("OP_INSTANCE_STARTUP") {
		object("S18", true, "it was up before a chain that failed, and this one does not start it")
	}
	if step == stepF && v.halfCopy(i, c.Time) != nil {
		object("S15", true, "%s may hold half a copy", i.Secondary)
	}
	if target, open := v.whereabouts(i, c.Time); open && (step == stepChain || step == stepM || step == stepF && !contains(targets, target)) {
		object("S16", true, "a migration to %s has not ended well, it may run there", target)
	}
	if step == stepF || step == stepChain {
		for _, name := range i.nodes() {
			if n := c.Nodes[name]; n.Offline && c.Settings.RefusedByFence[name] && !n.vouched(c.Clock) {
				object("V5", false, "the fence of %s fails", name)
			}
		}
	}
	if step == stepRD {
		// A time further in the future is nothing to wait for.
		since, after := v.pendingSince(i, j), c.Settings.ReplaceDisksAfter
		if after > 0 && c.Clock.Before(since.Add(after)) && !since.After(c.Clock.Add(after)) {
			object("V7", false, "the repair is pending since %v only", since)
		}
	}
}

// excluded returns an instance of which the node is the primary and which must not be
// there together with the given one, by a tag that both have and that begins with one
// of the cluster's exclusion prefixes.
func (c *Cluster) excluded(i *Instance, node string) string {
	for _, prefix := range c.Tags {
		const exclusion = "htools:iextags:"
		if !strings.HasPrefix(prefix, exclusion) {
			continue
		}
		for _, other := range c.Instances {
			for _, tag := range other.Tags {
				if other.Primary == node && other.UUID != i.UUID && strings.HasPrefix(tag, prefix[len(exclusion):]) && contains(i.Tags, tag) {
					return other.Name
				}
			}
		}
	}
	return ""
}

// stepOp returns the opcode that is the step.
func (j *Job) stepOp() *Op {
	for k := range j.Ops {
		if steps[j.Ops[k].ID] != "" {
			return &j.Ops[k]
		}
	}
	return &Op{}
}

func (j *Job) has(op string) bool {
	for _, o := range j.Ops {
		if o.ID == op {
			return true
		}
	}
	return false
}

// pendingSince returns the time in the pending tag of the job's repair.
func (v *verdict) pendingSince(i *Instance, j *Job) time.Time {
	for _, p := range recordsOf(i.Tags).pending {
		if p.ID == j.Repair() {
			return time.Unix(p.Time, 0)
		}
	}
	return time.Time{}
}

// begin judges a job of which an opcode begins.
func (v *verdict) begin(k int, m *Moment, j *Job) {
	v.stale(m, j)
	if v.begun[j.ID] {
		return
	}
	defer func() { v.begun[j.ID] = true }()
	at, released := v.released[j.ID]
	if !released {
		v.wrong("C7", "job %d, %s of %s, begins, and the program has not released it", j.ID, j.Step(), j.Instance())
		at = k
	}
	since := m.Cluster.Time.Sub(v.Moments[at].Cluster.Time)
	for _, o := range v.objections(m.Cluster, j) {
		switch {
		case !o.taken:
		case m.Cluster.ByUUID(j.uuid()) == nil:
			// Ganeti refuses a job of an instance that was removed.
		case v.left(at, k, j, o):
			if o.demand != "P22" && o.demand != "S15" && o.demand != "S16" && o.demand != "T10" {
				o.demand = "P15"
			}
			v.wrong(o.demand, "job %d, %s of %s, begins although %s, and a whole pass has left it in the queue", j.ID, j.Step(), j.Instance(), o.why)
		case v.cut[j.ID]:
			// luxid looks for jobs to start when something happens in its queue, or after
			// five minutes. Here nothing more came from the program.
		case delicate(m.Cluster, j) && since > atOnce:
			v.wrong("P16", "job %d, %s of %s, begins %v after its release, and %s", j.ID, j.Step(), j.Instance(), since, o.why)
		}
	}
	v.beginOnGoodNodes(m, j)
	v.oneAtATime(j)
	v.attempts(m, j)
}

// left reports whether a pass that nothing disturbed has had the same reason to take
// the job back, after it was released and before it began, and has not tried to. A job of
// several opcodes may only be taken back while all of them are queued.
func (v *verdict) left(released, begins int, j *Job, o objection) bool {
	for _, m := range v.Moments[released:begins] {
		if m.Kind == TakenBack && m.Job == j.ID {
			return false
		}
	}
	for _, p := range v.passes {
		if p.begin < released || p.end > begins || len(j.Ops) > 1 && j.waited(v.Moments[p.end].Cluster.Time) {
			continue
		}
		for _, then := range v.objections(v.Moments[p.begin].Cluster, j) {
			if then.taken && then.demand == o.demand {
				return true
			}
		}
	}
	return false
}

// oneAtATime wants the instance's last repair job to have ended (C2).
func (v *verdict) oneAtATime(j *Job) {
	if last := v.jobs[v.running[j.uuid()]]; last != nil && !last.endedBy(j.First()) {
		v.wrong("C2", "job %d began while job %d of %s was under way", j.ID, last.ID, j.Instance())
	}
	v.running[j.uuid()] = j.ID
}

// attempts wants no step to be tried more often than it may be, and no chain that
// has changed anything to be tried again in the same repair (S7).
func (v *verdict) attempts(m *Moment, j *Job) {
	tries := 0
	for k := range v.Jobs {
		o := &v.Jobs[k]
		if o.ID == j.ID || o.Kind() != "repair" || o.Repair() != j.Repair() || o.uuid() != j.uuid() || !o.endedBy(j.First()) || !o.Began() {
			continue
		}
		switch {
		case o.Status == "success", o.stepOp().onlyDisksLeft():
			tries = 0
		case o.Purged: // how it ended is not known to anybody
		case o.Step() != j.Step() || o.stepOp().Text("mode") != j.stepOp().Text("mode") || o.Status != "error" || o.refused() || o.noRoom():
		case o.Step() == stepChain:
			v.wrong("S7", "job %d begins the reinstallation of %s again, which job %d did not end", j.ID, j.Instance(), o.ID)
		default:
			tries++
		}
	}
	if most := m.Cluster.Settings.MaxAttempts; most > 0 && tries >= most {
		v.wrong("S7", "job %d tries %s of %s once more after %d failures", j.ID, j.Step(), j.Instance(), tries)
	}
}

// takenBack judges a job that the program cancels (P15).
func (v *verdict) takenBack(m *Moment, j *Job) {
	switch {
	case j.Status != "canceled":
	case j.beganBy(m.Cluster.Time):
		v.wrong("P15", "job %d, %s of %s, was cut by the program after it had begun", j.ID, j.Step(), j.Instance())
	default:
		for _, o := range v.objections(m.Cluster, j) {
			if o.taken {
				return
			}
		}
		i := m.Cluster.ByUUID(j.uuid())
		switch {
		case i == nil:
		case v.inPass && delicate(m.Cluster, j) && !j.Received.Before(v.Moments[v.open.begin].Cluster.Time):
			return // the pass that submitted it found that it does not begin at once (P16)
		case j.Step() == stepF && i.Admin != "up":
			return // the failover of what is stopped must not wait (P16)
		case i.Name != j.Instance():
			return // Ganeti refuses a job of a renamed instance
		case j.stepOp().Text("iallocator") != "" && !m.Cluster.takes(i):
			return // its allocator has no node left to choose
		case j.row() != "" && !NeedOf(m.Cluster, i).Healthy():
			return // its nodes are not good any more
		case NeedOf(m.Cluster, i).first() != j.Step():
			return // another step leads further, though this one may be begun, too
		}
		v.wrong("P15", "job %d, %s of %s, was taken back although everything is as it was", j.ID, j.Step(), j.Instance())
	}
}
