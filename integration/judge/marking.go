package judge

import (
	"strconv"
	"strings"
	"time"
)

// Marking are the settings for marking silent nodes offline (K4, K5).
type Marking struct {
	On        bool
	After     time.Duration // since when a node has to be silent, by its tag
	MaxSilent int           // nodes of the cluster
	// MostPercent and MostNodes are how many nodes of a group may be bad; MostNodes counts
	// where MostPercent is 0.
	MostPercent, MostNodes int
}

const (
	leastPasses  = 3 // in a row, in which a node has to be dead
	leastAnswers = 2 // other nodes, that have to be alive
	// betweenPasses is how far apart passes are at least that count as two.
	betweenPasses = time.Minute
)

// deadPasses is in how many passes in a row a node was dead when these began.
type deadPasses struct {
	passes int
	last   time.Time // by the clock of the program
}

// countDead counts the passes in which nodes are dead that nobody has marked.
func (v *verdict) countDead(c *Cluster) {
	for name, n := range c.Nodes {
		d := v.dead[name]
		switch {
		case !n.Dead || n.Offline || c.Paused: // a pass that is paused does not look
			d = deadPasses{}
		case d.passes == 0 || c.Clock.Sub(d.last) >= betweenPasses || c.Clock.Before(d.last):
			d = deadPasses{d.passes + 1, c.Clock}
		}
		v.dead[name] = d
	}
}

// marking looks at what a job may do to a node: it marks one offline, and that is all that
// the program ever does to a node (K6, K7).
func (v *verdict) marking(j *Job) {
	if j.Kind() == "" {
		return
	}
	for k := range j.Ops {
		op := &j.Ops[k]
		switch {
		case op.ID == "OP_NODE_SET_PARAMS" && (j.Kind() != "offline" || len(j.Ops) != 1 || !op.flag("offline")):
			v.wrong("K7", "job %d changes node %s and does not just mark it offline", j.ID, op.Text("node_name"))
		case op.ID == "OP_NODE_SET_PARAMS":
			for _, key := range []string{
				"force", "drained", "master_candidate", "master_capable", "vm_capable", "powered", "secondary_ip", "ndparams", "hv_state", "disk_state",
			} {
				if set := op.Params[key]; set != nil && set != false {
					v.wrong("K6", "job %d sets %s of node %s", j.ID, key, op.Text("node_name"))
				}
			}
		case op.ID == "OP_OOB_COMMAND" && op.Text("command") != "power-off" && op.Text("command") != "power-status":
			v.wrong("K7", "job %d: %s", j.ID, op.Text("command"))
		case op.ID == "OP_OOB_COMMAND" && len(op.List("node_names")) != 1:
			v.wrong("K3", "job %d is about the nodes %v", j.ID, op.List("node_names"))
		}
	}
}

// releaseMarking judges a job that marks a node offline when the program lets it go.
func (v *verdict) releaseMarking(m *Moment, j *Job) {
	name := j.Ops[0].Text("node_name")
	if !v.inPass {
		v.wrong("K6", "job %d, which marks %s offline, is released outside of a pass", j.ID, name)
	}
	for _, o := range v.markingObjections(m.Cluster, name, j.Ops[0].flag("auto_promote")) {
		v.wrong(o.demand, "job %d, which marks %s offline, is released although %s", j.ID, name, o.why)
	}
	for _, other := range v.marks {
		if other != j.ID {
			v.wrong("K7", "job %d marks %s offline in the pass of job %d", j.ID, name, other)
		}
	}
	v.marks = append(v.marks, j.ID)
}

// beginMarking judges a job that marks a node offline when it begins. What changed after the
// release is nobody's fault if it began at once.
func (v *verdict) beginMarking(m *Moment, j *Job) {
	name := j.Ops[0].Text("node_name")
	at, released := v.released[j.ID]
	switch n := m.Cluster.Nodes[name]; {
	case !released:
		v.wrong("C7", "job %d, which marks %s offline, begins, and the program has not released it", j.ID, name)
	case m.Cluster.Time.Sub(v.Moments[at].Cluster.Time) <= atOnce:
	case !contains64(v.marks, j.ID):
		v.wrong("K6", "job %d, which marks %s offline, begins, and the pass that fenced it has ended long ago", j.ID, name)
	case !n.Dead:
		v.wrong("K6", "job %d, which marks %s offline, begins although it answers", j.ID, name)
	}
}

// markingObjections returns what speaks against marking a node offline (K5, K6).
func (v *verdict) markingObjections(c *Cluster, name string, promotes bool) []objection {
	var list []objection
	object := func(demand, why string) { list = append(list, objection{demand: demand, why: why}) }
	n, set := c.Nodes[name], c.Settings.Marking
	if !set.On {
		object("K4", "the settings do not say so")
	}
	if name == c.Master {
		object("K7", "it is the master")
	}
	if c.Paused {
		object("K7", "the watcher is paused")
	}
	if n.Offline {
		object("K6", "it is marked already")
	}
	if !v.fenced[name] {
		object("K6", "no fence of this pass has held")
	}
	if !n.Dead {
		object("K6", "it answers")
	}
	if promotes != n.Candidate {
		object("K6", "auto_promote is for master candidates")
	}
	if why := c.forbids(n); why != "" {
		object("K5", why)
	}
	if since, tagged := silentSince(n.Tags); !tagged || c.Clock.Sub(since) < set.After {
		object("K5", "it has no tag that says that it is silent for long enough")
	}
	if v.dead[name].passes < leastPasses {
		object("K5", "it was not dead in "+strconv.Itoa(leastPasses)+" passes in a row")
	}
	alive, others, dead := 0, 0, 0
	for other, o := range c.Nodes {
		switch {
		case other == name || o.Offline:
			continue
		case o.Dead:
			dead++
			if o.Group == n.Group {
				object("K5", "node "+other+" of its group is dead, too")
			}
		case other != c.Master:
			alive++
		}
		if other != c.Master {
			others++
		}
	}
	if alive < leastAnswers || 2*alive <= others {
		object("K5", strconv.Itoa(alive)+" of "+strconv.Itoa(others)+" others are alive")
	}
	if dead+1 > set.MaxSilent {
		object("K5", strconv.Itoa(dead)+" other nodes are dead, too")
	}
	if c.tooManyBad(name) {
		object("K5", "too many nodes of its group would be bad (V2)")
	}
	return list
}

// forbids says why the nearest tags of the node's group and the cluster do not permit
// marking it, "" if they do.
func (c *Cluster) forbids(n Node) string {
	for _, tags := range [][]string{c.Groups[n.Group], c.Tags} {
		permitted := false
		for _, tag := range tags {
			body := strings.TrimPrefix(tag, Prefix)
			word, rest, _ := strings.Cut(body, ":")
			until, err := strconv.ParseInt(rest, 10, 64)
			switch {
			case body == tag:
			case looksLikeSuspend(word) && (word != "suspend" || err != nil || until > c.Clock.Unix()):
				return "it is suspended by " + tag
			case body == "node-offline":
				permitted = true
			}
		}
		if permitted {
			return ""
		}
	}
	return "no tag permits it"
}

// silentSince returns the time of the tag that says since when a node is silent, the oldest
// if there are several.
func silentSince(tags []string) (since time.Time, tagged bool) {
	for _, tag := range tags {
		sec, err := strconv.ParseInt(strings.TrimPrefix(tag, Prefix+"silent:"), 10, 64)
		if at := time.Unix(sec, 0); err == nil && (!tagged || at.Before(since)) {
			since, tagged = at, true
		}
	}
	return since, tagged
}

// tooManyBad reports whether with the node, marked offline, more nodes of its group would be
// bad than may be (V2). Bad nodes that no instance has do not count.
func (c *Cluster) tooManyBad(name string) bool {
	all, bad, set := 0, 0, c.Settings.Marking
	for other, n := range c.Nodes {
		isBad := n.bad() || other == name
		if n.Group != c.Nodes[name].Group || isBad && !c.used(other) {
			continue
		}
		all++
		if isBad {
			bad++
		}
	}
	if set.MostPercent > 0 {
		return bad*100 > set.MostPercent*all
	}
	return bad > set.MostNodes
}

// used reports whether an instance has the node.
func (c *Cluster) used(name string) bool {
	for _, i := range c.Instances {
		if contains(i.nodes(), name) {
			return true
		}
	}
	return false
}

func contains64(list []int64, n int64) bool {
	for _, x := range list {
		if x == n {
			return true
		}
	}
	return false
}
