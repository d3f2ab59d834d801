package plugin

import (
	"testing"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
)

// P19: when the repair of a stopped instance has failed for good the disks that it
// activated are deactivated, once; not before that, and not where the instance was
// started or suspended meanwhile.
func TestDisksDeactivated(t *testing.T) {
	start := func(c *luxitest.Cluster) { c.Instance("i").AdminState = luxitest.AdminUp }
	for _, row := range []struct {
		name      string
		attempts  int
		meanwhile func(*luxitest.Cluster)
		want      string
	}{
		{"failed for good", 1, nil, "success"},
		{"to be tried again", 2, nil, ""},
		{"started meanwhile", 1, start, ""},
		{"suspended meanwhile", 1, simtest.TagInstance("suspend"), ""},
	} {
		r := newRig(t, "cluster c "+simtest.Tags("migrate")+simtest.FourNodes+"instance i nodes=node2,node3 template=drbd state=down")
		r.set.MaxAttempts = row.attempts
		r.Master.Edit(func(c *luxitest.Cluster) { c.Cut("node2", "node3") })
		r.Master.Edit(simtest.Broken("node2:drained"))
		r.Master.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
			if op.ID == "OP_INSTANCE_FAILOVER" {
				return luxitest.OpFails("OpExecError", "Disk 0 is degraded on target node, aborting failover")
			}
			return luxitest.OpPass()
		})
		r.pass()
		r.Quiet()
		if row.meanwhile != nil {
			looks := 0
			r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
				if c.Method == freshLook {
					if looks++; looks == 2 {
						r.Master.Edit(row.meanwhile)
					}
				}
				return luxitest.Pass()
			})
		}
		r.pass()
		r.Master.OnCall(nil)
		r.Master.OnOpcode(nil)
		r.Quiet()
		if row.meanwhile == nil && row.attempts == 1 {
			r.pass()
			r.Quiet()
		}
		got := ""
		for _, j := range r.Master.Jobs() {
			if j.Ops[0].ID == "OP_INSTANCE_DEACTIVATE_DISKS" {
				got += j.Status
			}
		}
		if got != row.want {
			t.Errorf("%s: deactivated: %q, want %q", row.name, got, row.want)
		}
		if active := r.Instance("i").DisksActive; row.want != "" && active {
			t.Errorf("%s: its disks are active", row.name)
		}
	}
}
