package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// distort replaces the answers to queries for one kind of object.
func distort(what string, payload func(fields []string) string) func(luxitest.Call) luxitest.Fault {
	return func(c luxitest.Call) luxitest.Fault {
		if got, fields := simtest.Asked(c); got == what {
			if p := payload(fields); p != "" {
				return luxitest.ReplaceReply(p)
			}
		}
		return luxitest.Pass()
	}
}

// C5: an answer that cannot be right ends the pass before anything is changed.
// The cluster has work of every sort, so that any conclusion would be seen.
func TestImplausible(t *testing.T) {
	empty := func(fields []string) string { return simtest.Answer(fields) }
	clusterInfo := func(change func(map[string]any)) func(luxitest.Call) luxitest.Fault {
		info := map[string]any{"name": "c", "uuid": "u", "master": "node1", "tags": repairtest.WithPrefix("reinstall"), "default_iallocator": "hail"}
		change(info)
		b, _ := json.Marshal(map[string]any{"success": true, "result": info})
		return func(c luxitest.Call) luxitest.Fault {
			if c.Method == "QueryClusterInfo" {
				return luxitest.ReplaceReply(string(b))
			}
			return luxitest.Pass()
		}
	}
	// nodes gives the true rows of node1 to node4, with one value of node1 changed.
	nodes := func(field string, value any) func([]string) string {
		return func(fields []string) string {
			if strings.Join(fields, " ") != "name uuid group.uuid offline drained vm_capable tags mtime" {
				return ""
			}
			var rows [][]any
			for n := 1; n <= 4; n++ {
				row := []any{fmt.Sprintf("node%d", n), fmt.Sprintf("uuid%d", n), groupUUID, n == 2, false, true, []string{}, 1600000000.5}
				for k, f := range fields {
					if f == field && n == 1 {
						row[k] = value
					}
				}
				rows = append(rows, row)
			}
			return simtest.Answer(fields, rows...)
		}
	}
	instanceRow := func(fields []string, field string, value any) []any {
		row := []any{}
		for _, f := range fields {
			v, ok := map[string]any{
				"uuid": "u1", "name": "i", "tags": []string{}, "pnode": "node2", "snodes": []string{}, "disk_template": "rbd",
				"admin_state": "up", "forthcoming": false, "status": "running", "be/maxmem": 128, "disk_usage": 1024,
				"be/always_failover": false, "hypervisor": "kvm", "disks_active": true,
			}[f]
			if f == field {
				v, ok = value, true
			}
			if !ok {
				panic("a field nobody thought of: " + f)
			}
			row = append(row, v)
		}
		return row
	}
	instances := func(field string, value any) func([]string) string {
		return func(fields []string) string { return simtest.Answer(fields, instanceRow(fields, field, value)) }
	}
	unknown := []any{1, nil}
	noData := []any{2, nil}
	for _, row := range []struct {
		name string
		hook func(luxitest.Call) luxitest.Fault
		want string
	}{
		{"no nodes", distort("node", empty), "no nodes"},
		{"no groups", distort("group", empty), "no node groups"},
		{"no instances, but nodes count some", distort("instance", empty), "no instances, but node"},
		{"the master is not a node", clusterInfo(func(info map[string]any) { info["master"] = "node9" }), "the master node node9 is not among the nodes"},
		{"the master is offline", distort("node", nodes("offline", true)), "said to be offline or drained"},
		{"the master is drained", distort("node", nodes("drained", true)), "said to be offline or drained"},
		{"a node in no group", distort("node", nodes("group.uuid", "nowhere")), "not a node group of the cluster"},
		{"two instances with one UUID", distort("instance", func(fields []string) string {
			return simtest.Answer(fields, instanceRow(fields, "name", "i"), instanceRow(fields, "name", "j"))
		}), "two instances have the UUID"},
		{"the cluster without tags", clusterInfo(func(info map[string]any) { delete(info, "tags") }), "tags"},
		{"the cluster without a name", clusterInfo(func(info map[string]any) { info["name"] = "" }), "name"},
		{"unknown field of nodes", distort("node", nodes("drained", unknown)), "drained"},
		{"no data for a field of nodes", distort("node", nodes("offline", noData)), "offline"},
		{"a flag that is a word", distort("node", nodes("vm_capable", "yes")), "vm_capable"},
		{"unknown field of groups", distort("group", func(fields []string) string { return simtest.Answer(fields, []any{groupUUID, "default", unknown}) }), "tags"},
		{"unknown tags of instances", distort("instance", instances("tags", unknown)), "tags"},
		{"unknown UUID of instances", distort("instance", instances("uuid", unknown)), "uuid"},
		{"unknown primary node", distort("instance", instances("pnode", unknown)), "pnode"},
		{"unknown secondary nodes", distort("instance", instances("snodes", unknown)), "snodes"},
		{"unknown disk template", distort("instance", instances("disk_template", unknown)), "disk_template"},
		{"unknown admin state", distort("instance", instances("admin_state", unknown)), "admin_state"},
		{"unknown whether forthcoming", distort("instance", instances("forthcoming", unknown)), "forthcoming"},
		{"a template that is a number", distort("instance", instances("disk_template", 5)), "disk_template"},
		{"not even a table", distort("instance", func([]string) string { return `{"success":true,"result":[]}` }), "instance"},
		{"rows without cells", distort("node", func(fields []string) string { return simtest.Answer(fields, []any{}) }), "row 0"},
		{"other fields than asked for", distort("group", func([]string) string { return simtest.Answer([]string{"uuid", "name", "node_cnt"}) }), "field 2"},
		{"luxid has no configuration", func(c luxitest.Call) luxitest.Fault {
			if c.Method == "Query" {
				return luxitest.FailWith("ConfigurationError", "I do not have access to a valid configuration")
			}
			return luxitest.Pass()
		}, "I do not have access"},
		{"the job queue cannot be read", distort("job", func([]string) string { return `{"success":false,"result":["GenericError",["disk full"]]}` }), "reading the job queue"},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags("reinstall suspend:5")+"\ngroup default uuid="+groupUUID+simtest.FourNodes+
				"instance i nodes=node2 template=rbd\ninstance p nodes=node2 template=plain\ninstance d nodes=node2,node3 template=drbd"+
				"\ninstance h nodes=node1 "+simtest.Tags("pending:failover:x:5:")+"\ninstance f template=drbd nodes=node3,node1 "+simtest.Tags("suspend:5 pending:failover:y:5:"))
			r.Master.Edit(simtest.Broken("node2:offline"))
			before := r.Master.Snapshot().Format()
			r.Master.OnCall(row.hook)
			_, err := r.tryPass()
			r.Master.OnCall(nil)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("the pass ended with %v, want %q in it", err, row.want)
			}
			if n := len(r.Master.Jobs()); n != 0 {
				t.Errorf("%d jobs were submitted", n)
			}
			if after := r.Master.Snapshot().Format(); after != before {
				t.Errorf("the cluster was changed:\n%s", after)
			}
		})
	}
}

const groupUUID = "11111111-2222-4333-8444-555555555555"

// An answer that is merely empty where that can be is none of these: a cluster
// without instances, and one whose instances all live on good nodes.
func TestPlausiblyEmpty(t *testing.T) {
	for name, instances := range map[string]string{"no instances": "", "none in need": "instance i nodes=node3 template=rbd"} {
		instances := instances
		for _, nodes := range []string{"node2:offline", "node2:"} {
			nodes := nodes
			t.Run(name+" "+nodes, func(t *testing.T) {
				r := newRig(t, "cluster c "+simtest.Tags("reinstall")+simtest.FourNodes+instances)
				r.Master.Edit(simtest.Broken(nodes))
				if report := r.pass(); report.Written+report.Pending+len(report.Problems) != 0 || len(r.Master.Jobs()) != 0 {
					t.Errorf("%+v", report)
				}
			})
		}
	}
}

// C5: no live status is no reason to stop; such an instance alone is held.
func TestNoLiveStatus(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("reinstall")+simtest.FourNodes+"instance i nodes=node2 template=rbd\ninstance j nodes=node3 template=rbd")
	r.Master.Edit(func(c *luxitest.Cluster) {
		c.Node("node2").Drained, c.Node("node2").Dead = true, true
		c.Node("node3").Offline = true
		c.DefaultIAllocator = "" // which could not tell, with a dead node
	})
	r.until(func(*Report) bool { return strings.HasPrefix(r.Tags("j"), "result:") })
	r.WantRepairs("FAILOVER(j) success")
	r.WantTags("i", "")
	if d := r.pass().Decisions()[0]; d.Reason != repair.ReasonNoLiveStatus {
		t.Errorf("%s: %s", d.Instance.Name, d.Reason)
	}
}

// C5: the fresh look of a pass is as careful as the first one: what it cannot
// believe releases nothing.
func TestImplausibleFreshLook(t *testing.T) {
	for what, want := range map[string]string{"node": "no nodes", "group": "no node groups"} {
		what, want := what, want
		t.Run(want, func(t *testing.T) {
			r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
			r.Master.Edit(simtest.Broken("node2:offline"))
			n := 0
			r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
				if got, fields := simtest.Asked(c); got == what && fields[len(fields)-1] != "sinst_list" {
					if n++; n == 2 {
						return luxitest.ReplaceReply(simtest.Answer(fields))
					}
				}
				return luxitest.Pass()
			})
			if _, err := r.tryPass(); !errors.Is(err, read.ErrImplausible) || !strings.Contains(err.Error(), want) {
				t.Errorf("the pass ended with %v", err)
			}
			r.Master.OnCall(nil)
			r.Quiet()
			r.WantRepairs("")
			r.repaired()
			r.WantRepairs("FAILOVER(i) success")
			r.wantResult("i", "failover", "success", 1)
		})
	}
	// An empty list of instances is an instance that is gone.
	r := newRig(t, "cluster c "+simtest.Tags("failover")+simtest.FourNodes+"instance i nodes=node2 template=rbd")
	r.Master.Edit(simtest.Broken("node2:offline"))
	n := 0
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if got, fields := simtest.Asked(c); got == "instance" {
			if n++; n == 3 { // after the tags and the places
				return luxitest.ReplaceReply(simtest.Answer(fields))
			}
		}
		return luxitest.Pass()
	})
	r.pass()
	r.Master.OnCall(nil)
	r.Quiet()
	r.WantRepairs("")
}
