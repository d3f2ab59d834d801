package scenario

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// Liveness: once nothing stands in the way, every repair comes to its end. Whether
// it has is told from the simulated master alone, by predicates that call nothing of
// the code under test: an engine that does nothing, and says that there is nothing
// to do, is found out.

// plenty takes away what may rightly keep a repair waiting: the valves, the fence,
// short room and dead nodes that nobody has marked.
func (w *World) plenty() error {
	w.Settings.MaxNew, w.Settings.MaxRunning, w.Settings.MaxUnhealthy = 0, 0, 100
	w.Settings.Fence = "none"
	return w.edit(func(c *luxitest.Cluster) error {
		for _, g := range c.Groups {
			// Two, as a reinstalled drbd instance moves to two others.
			for n := 1; n <= 2; n++ {
				c.Nodes = append(c.Nodes, &luxitest.Node{Name: fmt.Sprintf("big%d-%s", n, g.Name), Group: g.Name})
			}
		}
		for _, n := range c.Nodes {
			n.Dead = n.Dead && n.Offline
			n.Memory, n.Storage, n.FileStorage = 1<<20, 1<<24, 1<<24
		}
		return nil
	})
}

// settle does passes, each followed by the end of all jobs, until nothing is left
// to be done as far as the master can tell. What is left after many is wrong.
func (w *World) settle() error {
	for n := 0; n < mostPasses && len(w.unsettled()) > 0; n++ {
		w.Pass()
		w.Quiet()
	}
	for _, what := range w.unsettled() {
		w.wrong("%s", what)
	}
	return nil
}

// unsettled lists what auto-repair still owes.
func (w *World) unsettled() []string {
	c := w.Master.Snapshot()
	jobs := w.Master.Jobs()
	var list []string
	owes := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	late := func(object string, tags []string) {
		for _, tag := range tags {
			until, err := strconv.ParseInt(strings.TrimPrefix(tag, tagstore.Prefix+"suspend:"), 10, 64)
			if err == nil && until <= w.now().Unix() {
				owes("T4: %s still has %s, whose time has passed", object, tag)
			}
		}
	}
	late("the cluster", c.Tags)
	for _, g := range c.Groups {
		late("group "+g.Name, g.Tags)
	}
	for _, i := range c.Instances {
		late(i.Name, i.Tags)
		r := recordsOf(i)
		need, why := needOf(c, i, jobs)
		if w.suspended(c, i) || r.unreadable || r.failed || why != "" {
			continue
		}
		for _, tag := range r.pending {
			owes("S6: %s still has %s", i.Name, tag)
		}
		switch permitted := permission(c, i); {
		case need == "":
		case risk(permitted) >= risk(need):
			owes("S4: %s needs a repair of type %s, and %s is permitted", i.Name, need, permitted)
		case permitted != "" && !r.enoperm[need]:
			owes("S3: %s needs a repair of type %s, %s alone is permitted, and no result says so", i.Name, need, permitted)
		}
	}
	return list
}

// records are the tags that repairs have left on an instance.
type records struct {
	pending            []string
	failed, unreadable bool
	enoperm            map[string]bool // by type
}

var (
	pendingTag = regexp.MustCompile(`^pending:(fix-storage|migrate|failover|reinstall):([^:]+):\d+:([\d+]*)$`)
	resultTag  = regexp.MustCompile(`^result:(fix-storage|migrate|failover|reinstall):([^:]+):\d+:(success|failure|enoperm):([\d+]*)$`)
)

func recordsOf(i *luxitest.Instance) records {
	r := records{enoperm: make(map[string]bool)}
	for _, tag := range i.Tags {
		body := strings.TrimPrefix(tag, tagstore.Prefix)
		word, _, _ := strings.Cut(body, ":")
		result := resultTag.FindStringSubmatch(body)
		switch {
		case body == tag:
		case pendingTag.MatchString(body):
			r.pending = append(r.pending, tag)
		case result == nil:
			r.unreadable = r.unreadable || word == "pending" || word == "result"
		case result[3] == "failure":
			r.failed = true
		case result[3] == "enoperm":
			r.enoperm[result[1]] = true
		}
	}
	return r
}

// needOf is the table of repairs as the design has it (P1 to P9): the type that it
// takes to bring the instance to good nodes, empty if it lives there, or why nobody
// but a person can.
func needOf(c *luxitest.Cluster, i *luxitest.Instance, jobs []luxitest.Job) (typ, why string) {
	primary := c.Node(i.Primary)
	secondary := &luxitest.Node{Group: primary.Group}
	if len(i.Secondaries) > 0 {
		secondary = c.Node(i.Secondaries[0])
	}
	lost, broken := primary.Offline || primary.Drained, secondary.Offline || secondary.Drained
	switch {
	case !lost && !broken:
		return "", ""
	case i.Template == "drbd" && !lost:
		return "fix-storage", ""
	case i.Template == "drbd" && primary.Drained && broken:
		return "migrate", ""
	case i.Template == "drbd" && !broken:
		typ = "migrate"
		if primary.Offline {
			typ = "failover"
		}
		if secondary.Group != primary.Group {
			return typ, "its secondary node is in another group (P11)"
		}
		if !i.Running() && halfCopied(i, jobs) {
			return typ, "the disks on its secondary node may not be complete (S7)"
		}
		return typ, ""
	case i.Template == "drbd" && secondary.Drained:
		return "", "the data is intact on a drained node (P9)"
	case i.Template == "drbd" || i.Template == "plain" || i.Template == "file":
		if primary.Drained {
			return "", "the data is intact on a drained node (P9)"
		}
		if i.AdminState == luxitest.AdminOffline {
			return "reinstall", "it is marked offline (P10)"
		}
		return "reinstall", ""
	case primary.Drained:
		return "migrate", ""
	}
	return "failover", ""
}

// halfCopied tells whether a replace-disks of the instance that the queue still
// knows began and did not succeed, and nothing since that makes up for it.
func halfCopied(i *luxitest.Instance, jobs []luxitest.Job) bool {
	half := false
	for _, j := range jobs {
		for _, op := range j.Ops {
			move := op.ID == "OP_INSTANCE_MIGRATE" || op.ID == "OP_INSTANCE_REPLACE_DISKS"
			switch {
			case !move || op.Text("instance_name") != i.Name || j.Archived:
			case j.Status == "success":
				half = false
			case op.ID == "OP_INSTANCE_REPLACE_DISKS" && j.Started():
				half = true
			}
		}
	}
	return half
}

// permission is the type that the nearest object with one permits: the least
// destructive one of that object (T2).
func permission(c *luxitest.Cluster, i *luxitest.Instance) string {
	for _, tags := range [][]string{i.Tags, c.Group(c.Node(i.Primary).Group).Tags, c.Tags} {
		least := ""
		for _, tag := range tags {
			word := strings.TrimPrefix(tag, tagstore.Prefix)
			if word != tag && risk(word) > 0 && (least == "" || risk(word) < risk(least)) {
				least = word
			}
		}
		if least != "" {
			return least
		}
	}
	return ""
}
