package scenario

import (
	"encoding/json"
	"strconv"
	"strings"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// checkRelease looks at a repair job that is about to be released, with eyes of
// its own: nothing here calls the code under test. Whatever the scenario, the
// instance has to be the one that was meant, in need of just this step, permitted
// by the pending tag that names the job, and not held by anything.
func (w *World) checkRelease(c luxitest.Call) {
	var args []json.RawMessage
	var gate int64
	if json.Unmarshal(c.Args, &args) != nil || len(args) == 0 || json.Unmarshal(args[0], &gate) != nil {
		return
	}
	if kind, _ := MarkOf(w.Master.Job(gate)); kind != "gate" {
		return
	}
	j := w.Master.Job(gate + 1)
	cluster := w.Master.Snapshot()
	var i *luxitest.Instance
	for _, k := range cluster.Instances {
		if k.UUID == j.Ops[0].Text("instance_uuid") {
			i = k
		}
	}
	name := j.Ops[0].Text("instance_name")
	if i == nil || i.Name != name {
		w.wrong("P11: job %d of %s is released, which is not that instance any more", j.ID, name)
		return
	}
	if w.suspended(cluster, i) {
		w.wrong("S2: job %d of %s is released while it is suspended", j.ID, name)
	}
	typ, named := "", false
	for _, tag := range i.Tags {
		parts := strings.Split(strings.TrimPrefix(tag, tagstore.Prefix), ":")
		switch {
		case len(parts) == 6 && parts[0] == "result" && parts[4] == "failure":
			w.wrong("S11: job %d of %s is released beside a failure", j.ID, name)
		case len(parts) == 5 && parts[0] == "pending":
			for _, id := range strings.Split(parts[4], "+") {
				if id == strconv.FormatInt(j.ID, 10) {
					typ, named = parts[1], true
				}
			}
		}
	}
	if !named {
		w.wrong("C1: job %d of %s is released, and no pending tag names it", j.ID, name)
	}
	if least, why := leastFor(cluster, i, j.Ops[0].ID); why != "" {
		w.wrong("P: job %d, %s of %s, is released although %s", j.ID, j.Ops[0].ID, name, why)
	} else if risk(typ) < risk(least) {
		w.wrong("T1: job %d, %s of %s, is released by a repair of type %s", j.ID, j.Ops[0].ID, name, typ)
	}
	if w.Settings.Fence == "/fence" && (j.Ops[0].ID == "OP_INSTANCE_FAILOVER" || j.Ops[0].ID == "OP_INSTANCE_RECREATE_DISKS") {
		for _, node := range i.Nodes() {
			if cluster.Node(node).Offline && w.refuses(node) {
				w.wrong("V5: job %d of %s is released, and the fence of %s does not hold", j.ID, name, node)
			}
		}
	}
}

func (w *World) refuses(node string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refuse[node]
}

// risk orders the types of repair.
func risk(typ string) int {
	return map[string]int{"fix-storage": 1, "migrate": 2, "failover": 3, "reinstall": 4}[typ]
}

// leastFor is the least type that permits the first opcode of a job for the
// instance as it is, or why nothing does.
func leastFor(c *luxitest.Cluster, i *luxitest.Instance, op string) (typ, why string) {
	primary := c.Node(i.Primary)
	var secondary *luxitest.Node
	if len(i.Secondaries) > 0 {
		secondary = c.Node(i.Secondaries[0])
	}
	bad := func(n *luxitest.Node) bool { return n != nil && (n.Offline || n.Drained) }
	switch op {
	case "OP_INSTANCE_REPLACE_DISKS":
		if !bad(secondary) || primary.Offline {
			return "", "its secondary node is good, or its primary one offline"
		}
		return "fix-storage", ""
	case "OP_INSTANCE_MIGRATE":
		if !primary.Drained || bad(secondary) || i.Template == "plain" || i.Template == "file" {
			return "", "its primary node is not drained, or it cannot move"
		}
		return "migrate", ""
	case "OP_INSTANCE_FAILOVER":
		if !bad(primary) || bad(secondary) || i.Template == "plain" || i.Template == "file" {
			return "", "its primary node is good, or it cannot move"
		}
		if primary.Drained {
			if i.Running() {
				return "", "it runs on a drained node"
			}
			return "migrate", ""
		}
		return "failover", ""
	case "OP_INSTANCE_RECREATE_DISKS":
		lost := primary.Offline && (secondary == nil || secondary.Offline)
		if !lost || i.Template != "drbd" && i.Template != "plain" && i.Template != "file" {
			return "", "its data is not lost"
		}
		return "reinstall", ""
	}
	return "", "nothing permits that opcode"
}

// suspended tells whether the nearest object with an opinion holds the instance.
func (w *World) suspended(c *luxitest.Cluster, i *luxitest.Instance) bool {
	for _, tags := range [][]string{i.Tags, c.Group(c.Node(i.Primary).Group).Tags, c.Tags} {
		held, types := false, false
		for _, tag := range tags {
			if !strings.HasPrefix(tag, tagstore.Prefix) {
				continue
			}
			word, rest, _ := strings.Cut(strings.TrimPrefix(tag, tagstore.Prefix), ":")
			switch {
			case word == "suspend" && rest == "":
				held = true
			case word == "suspend":
				until, err := strconv.ParseInt(rest, 10, 64)
				held = held || err != nil || until > w.now().Unix()
			case risk(word) > 0 && rest == "":
				types = true
			}
		}
		if held || types {
			return held
		}
	}
	return false
}
