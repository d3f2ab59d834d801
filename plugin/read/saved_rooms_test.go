package read_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// known makes a snapshot and all that may be known of room: one instance for each thing
// that keeps it from a node.
func known() (*repair.Snapshot, *repair.Placer) {
	job := repairtest.Job(7, repair.StepFailover, "moves", luxi.JobQueued)
	job.Ops[0].Params["iallocator"] = repairtest.Text("hail")
	chain := repairtest.Job(8, repair.StepReinstall, "chained", luxi.JobRunning)
	chain.Ops[0].Params["nodes"] = json.RawMessage(`["c"]`)
	list := []*repair.Instance{
		repairtest.Instance("moves", "rbd", "off2", ""), repairtest.Instance("chained", "plain", "off2", ""),
		repairtest.Instance("groups", "plain", "off", ""), repairtest.Instance("excludes", "plain", "off", ""), repairtest.Instance("lives", "rbd", "a", ""),
		repairtest.Instance("spindles", "plain", "off", ""), repairtest.Instance("files", "file", "off", ""),
		repairtest.Instance("variant", "plain", "off", ""), repairtest.Instance("large", "plain", "off", ""),
	}
	s := repairtest.Allow(repairtest.Snapshot("m a b c d off:offline off2:offline", list...), "reinstall")
	repairtest.WithJobs(s, job, chain)
	s.Cluster.VolumeGroup, s.Cluster.FreeDisk, s.Cluster.Exclusions = "xenvg", luxi.StorageLVM, []string{"dns:"}
	p := repair.NewPlacer()
	p.Unfinished(s)
	lvm := repair.Storage{Kind: luxi.StorageLVM}
	fast, files := repair.Storage{Kind: luxi.StorageLVM, Name: "fast"}, repair.Storage{Kind: luxi.StorageFile}
	p.Rooms["rack1-uuid"] = []repair.Room{
		{Node: "a", Group: "rack1-uuid", Memory: 9000, Disk: map[repair.Storage]int64{lvm: 9000, fast: 0, files: 0}, Told: map[string]bool{luxi.StorageLVM: true}},
		{Node: "b", Group: "rack1-uuid", Memory: 8000, Disk: map[repair.Storage]int64{lvm: 9000, files: 500}, Told: map[string]bool{luxi.StorageLVM: true}},
		{Node: "c", Group: "rack1-uuid", Memory: 7000, Disk: map[repair.Storage]int64{lvm: 9000, fast: 9000}, Told: map[string]bool{luxi.StorageLVM: true}},
		{Node: "d", Group: "rack1-uuid", Memory: 9500, Disk: map[repair.Storage]int64{lvm: 9000}, Exclusive: true, Spindles: 2, SpindleSize: 4500},
	}
	one := []repair.Volume{{Size: 100, Spindles: 1}}
	for name, d := range map[string]repair.Demand{
		"moves": {Memory: 2000}, "chained": {Memory: 2000, Disk: 100}, "lives": {Memory: 10, Exclusions: []string{"dns:x"}},
		"groups":   {Memory: 100, Disk: 100, Volumes: []repair.Volume{{Group: "fast", Size: 100}, {Size: 10}}, OS: "debian+full"},
		"excludes": {Memory: 100, Disk: 100, Volumes: []repair.Volume{{Size: 100}}, Exclusions: []string{"dns:x"}, OS: "debian+full"},
		"spindles": {Memory: 100, Disk: 100, Volumes: one}, "files": {Memory: 100, Disk: 100, OS: "debian+full"},
		"variant": {Memory: 100, Disk: 100, Volumes: []repair.Volume{{Size: 100}}, OS: "debian+min", MemoryInUse: 70},
		"large":   {Memory: 7700, Disk: 100, Volumes: []repair.Volume{{Size: 100}}, OS: "debian+full"},
	} {
		p.Demands[name+"-uuid"] = d
	}
	p.Installed = map[string]map[string]luxi.NodeOS{"debian": {
		"a": {Valid: true, Variants: []string{"full"}}, "b": {Valid: true, Variants: []string{"full", "min"}}, "c": {Valid: true, Variants: []string{"full"}}, "m": {},
	}}
	p.LivesOn("a", "lives", []string{"dns:x"})
	return s, p
}

// X1: a saved snapshot carries all that places are chosen by.
func TestSavedRoom(t *testing.T) {
	s, p := known()
	set := repair.DefaultSettings()
	var b bytes.Buffer
	if err := read.NewSaved(s, p, set).Write(&b); err != nil {
		t.Fatal(err)
	}
	id := func() string { return "n" }
	saved, err := read.ReadSaved(&b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := saved.Plan(repair.Assumption{}, set, id)
	if err != nil {
		t.Fatal(err)
	}
	want, got := whereTo(repair.NewPlan(s, p, set, id)), whereTo(again)
	if got != want {
		t.Errorf("from the file\n%s\nbut it was\n%s", got, want)
	}
	// Each of them is where it is for a reason of its own.
	const meant = `excludes: b
files: d
groups: group rack1 has 0 of 1 nodes with 100 MiB of memory and 10 MiB of disk and 100 MiB in volume group fast free; how many physical volumes of volume group fast are free is not told by d; job 8 (INSTANCE_RECREATE_DISKS(chained), INSTANCE_SHUTDOWN(chained), INSTANCE_REINSTALL(chained), INSTANCE_STARTUP(chained)) has c; there is no volume group fast on b
large: group rack1 has 0 of 1 nodes with 7700 MiB of memory and 100 MiB of disk free; its disks have no number of spindles, which they need (gnt-cluster repair-disk-sizes) on d; job 7 (INSTANCE_FAILOVER(moves)) may take it on a, b
spindles: d
variant: b
`
	if want != meant {
		t.Errorf("they go to\n%s\nmeant was\n%s", want, meant)
	}
}

// whereTo renders where a plan reinstalls instances, and why it does not.
func whereTo(p *repair.Plan) string {
	where := make(map[string]string)
	for _, a := range p.Actions {
		if a.Job != nil {
			where[a.Decision.Instance.Name] = strings.Join(a.Job.Place.Nodes, " ")
		}
	}
	var text strings.Builder
	for _, d := range p.Decisions {
		switch to := where[d.Instance.Name]; {
		case to != "":
			text.WriteString(d.Instance.Name + ": " + to + "\n")
		case d.Reason == repair.ReasonNoRoom:
			text.WriteString(d.Instance.Name + ": " + d.Detail + "\n")
		}
	}
	return text.String()
}

// X1: what an older file does not have is unknown: it keeps nothing from a node.
func TestSavedRoomUnknown(t *testing.T) {
	const old = `{"version": 1, "program": "ganeti-autorepair 0.1.0", "time": 1700000000, "settings": {"max_running": 10, "max_unhealthy_nodes": 100, "max_attempts": 3},
 "cluster": {"name": "c", "uuid": "c", "master": "m", "default_iallocator": "hail", "tags": ["ganeti:watcher:autorepair:reinstall"], "free_disk_storage": "lvm-vg"},
 "groups": [{"name": "g", "uuid": "g", "tags": []}],
 "nodes": [{"name": "m", "uuid": "m", "group": "g", "offline": false, "drained": false, "vm_capable": true, "free_memory": 500, "free_disk": 500},
  {"name": "off", "uuid": "off", "group": "g", "offline": true, "drained": false, "vm_capable": true}],
 "instances": [{"name": "i", "uuid": "i", "primary_node": "off", "secondary_nodes": [], "disk_template": "plain", "admin_state": "up", "memory": 100, "disk": 400, "tags": []},
  {"name": "j", "uuid": "j", "primary_node": "off", "secondary_nodes": [], "disk_template": "plain", "admin_state": "up", "memory": 100, "disk": 400, "tags": []}],
 "jobs": []}`
	saved, err := read.ReadSaved(strings.NewReader(old))
	if err != nil {
		t.Fatal(err)
	}
	set := repair.DefaultSettings()
	saved.Apply(&set)
	plan, err := saved.Plan(repair.Assumption{}, set, func() string { return "n" })
	if err != nil {
		t.Fatal(err)
	}
	if got := whereTo(plan); got != "i: m\nj: group g has 0 of 1 nodes with 100 MiB of memory and 400 MiB of disk free\n" {
		t.Error(got)
	}
}
