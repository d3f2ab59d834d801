package repairtest

import (
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// Exhibition is a plan with one instance of every sort.
func Exhibition() *repair.Plan {
	s := Snapshot("m off:offline dr:drained a b")
	add := func(name, template, nodes, tags string, facts ...luxi.JobInfo) *repair.Instance {
		i := Instance(name, template, nodes, tags)
		s.Instances = append(s.Instances, i)
		for _, job := range facts {
			WithJobs(s, For(name, job))
		}
		return i
	}
	add("bad-tag", "rbd", "off", "pending:failover:x")
	add("failed", "rbd", "off", "result:failover:x:1600000000:failure:11 pending:migrate:y:1600000001:")
	add("fine", "drbd", "a b", "")
	add("fine-odd-type", "rbd", "a", "failovr")
	add("no-permission", "rbd", "off", "")
	add("no-repair", "plain", "dr", "reinstall")
	add("no-room", "rbd", "off", "pending:failover:n:1600000000:12", NoRoomFor(12, repair.StepFailover))
	add("ready", "drbd", "off a", "failover")
	add("retry", "rbd", "off", "pending:failover:r:1600000000:13+14", Purged(13), Failed(14, repair.StepFailover))
	add("running", "drbd", "a off", "pending:failover:k:1600000000:15+16 pending:migrate:z:1600000002:", Done(15, repair.StepFailover), Job(16, repair.StepReplaceDisks, "running", luxi.JobRunning))
	add("settled", "rbd", "a", "pending:failover:s:1600000000:17", Done(17, repair.StepFailover))
	add("suspended", "rbd", "off", "suspend")
	add("suspended-till", "rbd", "off", "suspend:1700003600 pending:failover:t:1600000000:")
	add("too-weak", "drbd", "off a", "fix-storage")
	s.Cluster.Tags = ParsedTags(WithPrefix("suspend:1 pending:failover:x:1:"))
	AllowGroup(s, "rack1", "suspend:5 repair")
	return repair.NewPlan(s, repair.NewPlacer(), repair.DefaultSettings(), func() string { return "p-k3v9x2ab" })
}
