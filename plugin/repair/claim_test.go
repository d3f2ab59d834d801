package repair_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// opcodes makes an unfinished job of opcodes, "INSTANCE_CREATE:running {...params}",
// queued unless they say otherwise.
func opcodes(id luxi.JobID, ours bool, ops ...string) luxi.JobInfo {
	job := luxi.JobInfo{ID: id, Known: true, Status: luxi.JobRunning}
	for _, text := range ops {
		word, raw, _ := strings.Cut(text, " ")
		name, status, given := strings.Cut(word, ":")
		if !given {
			status = "queued"
		}
		op := luxi.JobOp{ID: "OP_" + name, Status: luxi.JobStatus(status), Params: map[string]json.RawMessage{}}
		if raw != "" {
			if err := json.Unmarshal([]byte(raw), &op.Params); err != nil {
				panic(err)
			}
		}
		if ours {
			op.Reason = repair.Trail(repair.Mark{Kind: repair.MarkRepair, ID: "x", Step: repair.StepFailover}, repair.Limit{}, repairtest.Present)
		}
		job.Ops = append(job.Ops, op)
		job.Summary = append(job.Summary, name)
	}
	return job
}

// P10: what an unfinished job may take is not given away, whoever submitted it, whether
// it names its nodes or an allocator is yet to choose them; and a node that an
// unfinished job has is no place for a reinstallation, which could not begin at once.
func TestClaims(t *testing.T) {
	for name, row := range map[string]struct {
		ops  []string
		ours bool
		want string
	}{
		"nothing":                               {nil, false, "a"},
		"a failover by an allocator":            {[]string{`INSTANCE_FAILOVER {"instance_name": "small", "iallocator": "."}`}, false, "a"},
		"one that leaves enough on one node":    {[]string{`INSTANCE_FAILOVER {"instance_name": "medium"}`}, false, "a"},
		"one that leaves enough nowhere":        {[]string{`INSTANCE_FAILOVER {"instance_name": "large", "iallocator": "hail"}`}, false, "job 7 (INSTANCE_FAILOVER) may take it on a, b"},
		"named by the first label of a name":    {[]string{`INSTANCE_FAILOVER {"instance_name": "LARGE"}`}, false, "job 7 (INSTANCE_FAILOVER) may take it on a, b"},
		"of what is not started":                {[]string{`INSTANCE_FAILOVER {"instance_name": "stopped"}`}, false, "a"},
		"one that has ended":                    {[]string{`INSTANCE_FAILOVER:success {"instance_name": "large"}`, "TEST_DELAY:running"}, false, "a"},
		"a dry run":                             {[]string{`INSTANCE_FAILOVER {"instance_name": "large", "dry_run": true}`}, false, "a"},
		"a repair that has moved it":            {[]string{`INSTANCE_FAILOVER:running {"instance_name": "moved"}`}, true, "b"},
		"somebody's that may yet move it":       {[]string{`INSTANCE_FAILOVER:running {"instance_name": "moved"}`}, false, "job 7 (INSTANCE_FAILOVER) has a; job 7 (INSTANCE_FAILOVER) may take it on b"},
		"in another group":                      {[]string{`INSTANCE_FAILOVER {"instance_name": "far"}`}, false, "a"},
		"a migration to a node":                 {[]string{`INSTANCE_MIGRATE {"instance_name": "stopped", "target_node": "a"}`}, false, "b"},
		"to the secondary":                      {[]string{`INSTANCE_MIGRATE {"instance_name": "mirror"}`}, false, "b"},
		"two allocators":                        {[]string{`INSTANCE_MIGRATE {"instance_name": "small"}`, `INSTANCE_MIGRATE {"instance_name": "medium"}`}, false, "job 7 (INSTANCE_MIGRATE) may take it on a, b"},
		"a replace-disks by an allocator":       {[]string{`INSTANCE_REPLACE_DISKS {"instance_name": "bare", "mode": "replace_new_secondary", "iallocator": "."}`}, false, "job 7 (INSTANCE_REPLACE_DISKS) may take it on a, b"},
		"one whose new disks are there":         {[]string{`INSTANCE_REPLACE_DISKS:running {"instance_name": "mirror", "mode": "replace_new_secondary", "iallocator": "."}`}, true, "b"},
		"one in place":                          {[]string{`INSTANCE_REPLACE_DISKS {"instance_name": "mirror", "mode": "replace_on_secondary"}`}, false, "b"},
		"a start":                               {[]string{`INSTANCE_STARTUP {"instance_name": "here"}`}, false, "b"},
		"a move":                                {[]string{`INSTANCE_MOVE {"instance_name": "large", "target_node": "a"}`}, false, "b"},
		"a reinstallation under way":            {[]string{`INSTANCE_RECREATE_DISKS:success {"instance_name": "large", "nodes": ["a"]}`, `INSTANCE_STARTUP {"instance_name": "large"}`}, false, "b"},
		"one by an allocator, in any group":     {[]string{`INSTANCE_RECREATE_DISKS {"instance_name": "far", "iallocator": "."}`}, false, "job 7 (INSTANCE_RECREATE_DISKS) may take it on a, b"},
		"a new instance":                        {[]string{`INSTANCE_CREATE {"instance_name": "new", "iallocator": "hail"}`}, false, "job 7 (INSTANCE_CREATE) may take it on a, b"},
		"a new instance on a node":              {[]string{`INSTANCE_CREATE {"instance_name": "new", "pnode": "a"}`}, false, "b"},
		"a new instance of another group":       {[]string{`INSTANCE_CREATE {"instance_name": "new", "iallocator": "hail", "group_name": "rack2"}`}, false, "a"},
		"many new instances":                    {[]string{`INSTANCE_MULTI_ALLOC {"iallocator": "hail"}`}, false, "job 7 (INSTANCE_MULTI_ALLOC) may take it on a, b"},
		"a node that is evacuated":              {[]string{`NODE_EVACUATE {"node_name": "off", "iallocator": "hail"}`}, false, "job 7 (NODE_EVACUATE) may take it on a, b"},
		"one of another group":                  {[]string{`NODE_EVACUATE {"node_name": "z", "iallocator": "hail"}`}, false, "a"},
		"one to a named node":                   {[]string{`NODE_EVACUATE {"node_name": "off", "remote_node": "a"}`}, false, "b"},
		"a group that is evacuated":             {[]string{`GROUP_EVACUATE {"group_name": "rack2"}`}, false, "job 7 (GROUP_EVACUATE) may take it on a, b"},
		"a node that is to be drained":          {[]string{`NODE_SET_PARAMS {"node_name": "a", "drained": true}`}, false, "b"},
		"nodes that are to change their group":  {[]string{`GROUP_ASSIGN_NODES {"group_name": "rack2", "nodes": ["a", "b"]}`}, false, "job 7 (GROUP_ASSIGN_NODES) has a, b"},
		"nodes of an instance that is modified": {[]string{`INSTANCE_SET_PARAMS {"instance_name": "here"}`}, false, "b"},
		"what only looks":                       {[]string{`NODE_QUERY_STORAGE {"nodes": ["a"]}`, `TAGS_SET {"kind": "instance", "name": "here"}`, `TEST_DELAY`}, false, "a"},
	} {
		down, here := repairtest.Instance("stopped", "rbd", "off", ""), repairtest.Instance("here", "rbd", "a", "")
		down.AdminState, here.AdminState = "down", "down"
		s := repairtest.Snapshot("m a b off:offline z@rack2",
			repairtest.Instance("lost", "plain", "off", ""), repairtest.Instance("small", "rbd", "off", ""), repairtest.Instance("medium", "rbd", "off", ""),
			repairtest.Instance("large.example.com", "rbd", "off", ""), repairtest.Instance("far", "rbd", "z", ""), repairtest.Instance("moved", "rbd", "a", ""),
			repairtest.Instance("mirror", "drbd", "off a", ""), repairtest.Instance("bare", "drbd", "m off", ""), down, here)
		if row.ops != nil {
			s.Unfinished = append(s.Unfinished, opcodes(7, row.ours, row.ops...))
		}
		p := repair.NewPlacer()
		for node, memory := range map[string]int64{"a": 3000, "b": 2500} {
			disk := map[repair.Storage]int64{{Kind: luxi.StorageLVM}: 2500}
			p.Rooms["rack1-uuid"] = append(p.Rooms["rack1-uuid"], repair.Room{Node: node, Group: "rack1-uuid", Memory: memory, Disk: disk})
		}
		for instance, demand := range map[string]repair.Demand{
			"lost": {Memory: 2000, Disk: 1000}, "small": {Memory: 400}, "medium": {Memory: 900}, "large.example.com": {Memory: 1100, Disk: 2000},
			"far": {Memory: 1100}, "moved": {Memory: 1100}, "mirror": {Memory: 1100, Disk: 2000}, "bare": {Memory: 1100, Disk: 2000},
			"stopped": {Memory: 1100}, "here": {Memory: 1100},
		} {
			p.Demands[instance+"-uuid"] = demand
		}
		p.Unfinished(s)
		nodes, why := p.Place(s, s.Instance("lost-uuid"), repair.StepReinstall, nil)
		got := strings.Join(nodes, " ")
		if why != "" {
			got = strings.TrimPrefix(why, "group rack1 has 0 of 1 nodes with 2000 MiB of memory and 1000 MiB of disk free; ")
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// P10: nor is what the steps of the same plan may take, in whatever order they come; but
// a test for room of what fits nowhere takes nothing.
func TestClaimsOfThePlan(t *testing.T) {
	for _, row := range []struct {
		instances string // NAME TEMPLATE NODES MEMORY DISK, separated by commas
		tested    bool   // the last job of the first one found no room
		want      string
	}{
		{"r rbd off 1100 0", false, "r reinstall=b failover="},
		{"r rbd off 400 0", false, "r reinstall=b failover="},
		{"r rbd off 9000 0", false, "r reinstall=a"}, // the failover waits for room, and is tested by a later pass
		{"r rbd off 9000 0", true, "r reinstall=a failover=."},
		{"r rbd off 1100 0", true, "r reinstall=b failover="},
		{"d drbd m+off 1100 2000", false, "d reinstall=- replace-disks=."},
		{"d drbd m+off 1100 9000", true, "d reinstall=a replace-disks=."},
		{"d drbd off+a 1100 2000", false, "d reinstall=b failover="},
	} {
		word := strings.Fields(row.instances)
		i := repairtest.Instance(word[0], word[1], strings.ReplaceAll(word[2], "+", " "), "")
		lost := repairtest.Instance("lost", "plain", "off", "")
		s := repairtest.Allow(repairtest.Snapshot("m a b off:offline", i, lost), "reinstall")
		if row.tested {
			step := repair.StepFailover
			if i.Template == "drbd" {
				step = repair.StepReplaceDisks
			}
			job := repairtest.NoRoomFor(5, step)
			for k := range job.Ops {
				job.Ops[k].Params["instance_name"], job.Ops[k].Params["instance_uuid"] = repairtest.Text(i.Name), repairtest.Text(i.UUID)
			}
			repairtest.WithJobs(s, job)
			i.Tags = repairtest.ParsedTags(repairtest.WithPrefix("pending:failover:x1:1600000000:5"))
		}
		var d repair.Demand
		fmt.Sscan(word[3]+" "+word[4], &d.Memory, &d.Disk)
		p := repair.NewPlacer()
		p.Demands = map[string]repair.Demand{i.UUID: d, lost.UUID: {Memory: 2000, Disk: 1000}}
		for node, memory := range map[string]int64{"a": 3000, "b": 2500} {
			disk := map[repair.Storage]int64{{Kind: luxi.StorageLVM}: 2500}
			p.Rooms["rack1-uuid"] = append(p.Rooms["rack1-uuid"], repair.Room{Node: node, Group: "rack1-uuid", Memory: memory, Disk: disk})
		}
		plan := repair.NewPlan(s, p, repair.DefaultSettings(), func() string { return "n" })
		got := i.Name + " reinstall=-"
		for _, a := range plan.Actions {
			if a.Job == nil {
				continue
			}
			if a.Job.Step == repair.StepReinstall {
				got = strings.Replace(got, "-", a.Job.Place.Node(), 1)
				continue
			}
			got += fmt.Sprintf(" %s=%s", a.Job.Step, a.Job.Place.IAllocator)
		}
		if got != row.want {
			t.Errorf("%s, tested %v: %q, want %q\n%+v", row.instances, row.tested, got, row.want, plan.Decisions)
		}
	}
}

// P16: a failover of what is stopped begins beside a copy that has no room, not beside one
// that takes its nodes.
func TestBesideOthers(t *testing.T) {
	for _, row := range []struct {
		name, room, want string
	}{
		{"no room for the copy", "a:900/0 b:900/0", "stopped=failover>a"},
		{"room for the copy", "a:900/9000 b:900/9000", "copied=replace-disks>a"},
	} {
		copied := repairtest.Instance("copied", "drbd", "b b2", "pending:fix-storage:r1:100:4")
		stopped := repairtest.Instance("stopped", "rbd", "b2", "")
		stopped.AdminState, stopped.Live = "down", &repair.Live{Status: "ADMIN_down"}
		s := repairtest.Allow(repairtest.Snapshot("m a b b2:drained", copied, stopped), "reinstall")
		s.Cluster.IAllocator = ""
		repairtest.WithJobs(s, repairtest.For("copied", repairtest.Done(4, repair.StepMigrate)))
		if got := begins(repair.NewPlan(s, placerOf(s, row.room, 128, 1000), settings(), repairtest.NewID)); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// P16: a failover of what is stopped does not begin beside a step for which an allocator
// chooses a node, if that takes a node of it: REPLACE_DISKS takes the groups of the
// instance's own nodes, MIGRATE and FAILOVER the whole cluster.
func TestBesideAllocator(t *testing.T) {
	for _, row := range []struct{ name, template, nodes, want string }{
		{"a copy in the secondary's group", "drbd", "y2 off2", "other=replace-disks"},
		{"a copy in another group", "drbd", "z off3", "other=replace-disks stopped=failover"},
		{"a migration in the secondary's group", "rbd", "bad2", "other=migrate"},
		{"a migration in another group", "rbd", "bad3", "other=migrate"},
	} {
		other, stopped := repairtest.Instance("other", row.template, row.nodes, ""), repairtest.Instance("stopped", "drbd", "bad1 y", "")
		stopped.AdminState, stopped.Live = "down", &repair.Live{Status: "ADMIN_down"}
		s := repairtest.Snapshot("m bad1:drained y@two y2@two off2:offline@two bad2:drained@two z@three z2@three off3:offline@three bad3:drained@three", other, stopped)
		if got := begins(repair.NewPlan(repairtest.Allow(s, "failover"), repair.NewPlacer(), settings(), repairtest.NewID)); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// begins renders the steps that begin: "web=failover>b db=migrate", with the nodes that
// they go to where those are named.
func begins(p *repair.Plan) string {
	var list []string
	for _, a := range p.Actions {
		if a.Job == nil {
			continue
		}
		text := a.Decision.Instance.Name + "=" + string(a.Job.Step)
		if len(a.Job.Place.Nodes) > 0 {
			text += ">" + strings.Join(a.Job.Place.Nodes, "+")
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}

// P20: beside a copy that has nodes of their group, failovers name their targets, and are
// not in each other's way; where no node has room, none waits for the locks of all.
func TestFailoversBesideCopy(t *testing.T) {
	for _, row := range []struct{ name, room, want string }{
		{"room for both", "a:200/9000 b:190/9000 c:0/9000", "web1=failover>a web2=failover>b"},
		{"room for one", "a:200/9000 b:0/9000 c:0/9000", "web1=failover>a"},
		{"no room", "a:0/9000 b:0/9000 c:0/9000", ""},
	} {
		copied := repairtest.Instance("copied", "drbd", "c off2", "")
		s := repairtest.Allow(repairtest.Snapshot("m@other a b c off:offline off2:offline", copied,
			repairtest.Instance("web1", "rbd", "off", ""), repairtest.Instance("web2", "rbd", "off", "")), "failover")
		repairtest.WithJobs(s, repairtest.Job(5, repair.StepReplaceDisks, "copied", luxi.JobRunning))
		if got := begins(repair.NewPlan(s, placerOf(s, row.room, 128, 1000), settings(), repairtest.NewID)); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// P16: a step that is not begun keeps no room from others.
func TestBlockedTakesNoRoom(t *testing.T) {
	stopped := repairtest.Instance("a-stopped", "plain", "off", "")
	copied := repairtest.Instance("copied", "drbd", "c off2", "")
	up := repairtest.Instance("up", "rbd", "off", "")
	s := repairtest.Allow(repairtest.Snapshot("m@other a c off:offline off2:offline", stopped, copied, up), "reinstall")
	s.Cluster.IAllocator = ""
	s.Cluster.Slots = 2 // the failover and the hold job take them
	if got, want := begins(repair.NewPlan(s, placerOf(s, "a:500/1500 c:900/0", 128, 1000), settings(), repairtest.NewID)), "up=failover>c copied=replace-disks>a"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// P16: a failover of what is stopped goes where nothing that begins beside it has a lock,
// and begins later where that cannot be told: an allocator takes the locks of all nodes.
func TestPlacesOfStopped(t *testing.T) {
	for _, row := range []struct {
		name, nodes, want string
		known             bool
	}{
		{"another node", "m@other a b off:offline off2:offline", "up=failover stopped=failover>b", true},
		{"no other node", "m@other a off:offline off2:offline", "up=failover", true},
		{"nobody knows what it takes", "m@other a b off:offline off2:offline", "up=failover", false},
	} {
		up, stopped := repairtest.Instance("up", "drbd", "off a", ""), repairtest.Instance("stopped", "rbd", "off2", "")
		stopped.AdminState, stopped.Live = "down", &repair.Live{Status: "ADMIN_down"}
		s := repairtest.Allow(repairtest.Snapshot(row.nodes, up, stopped), "failover")
		p := placerOf(s, "a:900/9000", 128, 1000)
		if strings.Contains(row.nodes, " b ") {
			p = placerOf(s, "a:900/9000 b:500/9000", 128, 1000)
		}
		if !row.known {
			delete(p.Demands, stopped.UUID)
		}
		if got := begins(repair.NewPlan(s, p, settings(), repairtest.NewID)); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// P10, P12: what somebody has submitted since the plan was made may take the room of a
// reinstallation just before that is released.
func TestContested(t *testing.T) {
	i := repairtest.Instance("lost", "plain", "off", "")
	plan := repairtest.Snapshot("m a b off:offline z@rack2", i)
	plan.Unfinished = []luxi.JobInfo{opcodes(3, false, `INSTANCE_CREATE {"iallocator": "hail"}`)}
	for name, row := range map[string]struct {
		ops  string
		ours bool
		want string
	}{
		"nothing new":        {"", false, ""},
		"on that node":       {`INSTANCE_CREATE {"instance_name": "new", "pnode": "a"}`, false, "job 7 (INSTANCE_CREATE) has a"},
		"that drains it":     {`NODE_SET_PARAMS {"node_name": "a", "drained": true}`, false, "job 7 (NODE_SET_PARAMS) has a"},
		"on another node":    {`INSTANCE_CREATE {"instance_name": "new", "pnode": "b"}`, false, ""},
		"by an allocator":    {`INSTANCE_FAILOVER {"instance_name": "stranger", "iallocator": "hail"}`, false, "job 7 (INSTANCE_FAILOVER) may take what is free on a"},
		"in another group":   {`INSTANCE_CREATE {"instance_name": "new", "iallocator": "hail", "group_name": "rack2"}`, false, ""},
		"of our own":         {`INSTANCE_FAILOVER {"instance_name": "stranger", "iallocator": "hail"}`, true, ""},
		"that changes a tag": {`TAGS_SET {"kind": "node", "name": "a"}`, false, ""},
	} {
		fresh := *plan
		if row.ops != "" {
			fresh.Unfinished = append([]luxi.JobInfo{opcodes(7, row.ours, row.ops)}, plan.Unfinished...)
		}
		if got := (repair.Place{Nodes: []string{"a"}}).Contested(plan, &fresh, i); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}
