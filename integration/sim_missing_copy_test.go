//go:build cluster

package integration_test

import (
	"testing"

	"ganeti-autorepair/plugin/repair"
)

// D9: where the newest verification of disks before the loss named the surviving node, its
// copy is not started from by policy; a person may say so. What has a whole copy goes on.
func TestSurvivingCopyIsMissing(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:failover
group default
node m
node a
node b
node c
node d
instance web nodes=a,b template=drbd
instance whole nodes=a,c template=drbd
`)
	w.settings(mendsDisks)
	w.sim.LoseVolumes("b", "web")
	w.watched(1) // once is no sign yet, and enough to know what is missing
	w.noRepairs("web")
	w.lostPower("a")
	start := w.since()
	for n := 0; n < 3; n++ {
		w.pass()
		w.jobsEnd()
	}
	w.wantReasons(map[string]repair.Reason{"web": repair.ReasonStaleCopy, "whole": repair.ReasonHealthy})
	w.wantSteps(start, "web", "")
	w.wantSteps(start, "whole", "FAILOVER, REPLACE_DISKS")
	w.command(0, "disks of it were missing on b", "explain", "web")
	w.command(0, "", "repair", "web", "failover")
	w.pass()
	w.jobsEnd()
	w.wantSteps(start, "web", "FAILOVER")
}
