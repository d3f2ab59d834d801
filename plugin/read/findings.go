package read

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// ReadRoles reads what findings need of the configuration. No node is asked.
func ReadRoles(ctx context.Context, c *luxi.Client, o *repair.Observed) error {
	info, err := c.QueryClusterInfo(ctx)
	if err != nil {
		return fmt.Errorf("reading the cluster: %w", err)
	}
	o.CandidatePool = info.CandidatePoolSize
	fields := []string{"name", "uuid", "group.uuid", "group", "master_candidate", "role", "master_capable", "offline", "drained"}
	t, err := Query(ctx, c, luxi.ResNode, fields, nil)
	if err != nil {
		return fmt.Errorf("reading the roles of nodes: %w", err)
	}
	o.Groups, o.Roles = make(map[string]string), nil
	for row := range t.Rows {
		var n repair.NodeRole
		var group, role string
		var capable, drained bool
		if err := t.Scan(row, &n.Name, &n.UUID, &n.Group, &group, &n.Candidate, &role, &capable, &n.Offline, &drained); err != nil {
			return fmt.Errorf("reading the roles of nodes: %w", err)
		}
		n.Master = role == "M"
		n.Candidate = n.Candidate || n.Master
		n.CanBe = capable && !n.Offline && !drained
		o.Groups[n.Group] = group
		o.Roles = append(o.Roles, n)
	}
	return nil
}

// UnusedGroups returns which of the node groups, by UUID, have no instances. Nothing is asked
// about no groups.
func UnusedGroups(ctx context.Context, c *luxi.Client, groups []string) (map[string]bool, error) {
	unused := make(map[string]bool)
	if len(groups) == 0 {
		return unused, nil
	}
	t, err := Query(ctx, c, luxi.ResNode, []string{"group.uuid", "pinst_cnt"}, luxi.AnyOf("group.uuid", groups...))
	if err != nil {
		return nil, fmt.Errorf("counting the instances of nodes: %w", err)
	}
	for _, uuid := range groups {
		unused[uuid] = true
	}
	for row := range t.Rows {
		var uuid string
		var count int64
		if err := t.Scan(row, &uuid, &count); err != nil {
			return nil, fmt.Errorf("counting the instances of nodes: %w", err)
		}
		unused[uuid] = unused[uuid] && count == 0
	}
	return unused, nil
}

// disksBack is how far the first look goes back for GROUP_VERIFY_DISKS, of which there are
// many.
const disksBack = 2 * time.Hour

// toldOften are the opcodes of the jobs that tell of disks and of starts, of which there
// are many: verifications of disks, closer looks, starts, what puts an end to counting
// these, and what changes disks.
var toldOften = []string{
	luxi.OpGroupVerifyDisks, luxi.OpInstanceQueryData, luxi.OpInstanceStartup, luxi.OpInstanceFailover, luxi.OpInstanceMigrate,
	luxi.OpInstanceMove, luxi.OpInstanceReinstall, luxi.OpInstanceRecreateDisks, luxi.OpInstanceReplaceDisks,
	luxi.OpInstanceSetParams, luxi.OpInstanceGrowDisk, luxi.OpInstanceReboot,
}

// looksKept is how long closer looks at disks are remembered, and lostKept how long those that
// found a copy lost: a failover may be held for that (D9).
const (
	looksKept = 24 * time.Hour
	lostKept  = 30 * 24 * time.Hour
)

// ReadVerifications goes on from what is known of jobs that verify, through the jobs that
// are newer, archived ones included: ganeti-watcher archives its own at once.
func ReadVerifications(ctx context.Context, c *luxi.Client, groups map[string]string, now time.Time, known repair.Verifications) (repair.Verifications, error) {
	after := repair.Verifications{Since: known.Since, Groups: make(map[string]repair.VerifiedGroup), Looks: make(map[string]repair.DiskLook), Starts: make(map[string]repair.StartTries)}
	for uuid, v := range known.Groups {
		if groups[uuid] != "" {
			after.Groups[uuid] = v
		}
	}
	for uuid, look := range known.Looks {
		kept := looksKept
		if len(look.Lost) > 0 {
			kept = lostKept
		}
		if now.Unix()-look.Begun < int64(kept/time.Second) {
			after.Looks[uuid] = look
		}
	}
	for uuid, tries := range known.Starts {
		if tries.Current(now) {
			after.Starts[uuid] = tries
		}
	}
	atLeast := known.UpTo
	if atLeast < 1 {
		atLeast = 1 // the queue was empty
	}
	newest, err := c.NewestJob(ctx, atLeast)
	if err == nil && newest < known.UpTo {
		known.Since = 0 // the queue began anew
		newest, err = c.NewestJob(ctx, 1)
	}
	if err != nil {
		return known, fmt.Errorf("looking for the newest job: %w", err)
	}
	var jobs []luxi.JobInfo
	switch {
	case known.Since != 0 && newest == known.UpTo: // there is no job that is not known
	case known.Since != 0 && newest-known.UpTo < pastJobs:
		jobs, err = c.FindJobs(ctx, known.UpTo+1, append([]string{luxi.OpClusterVerifyGroup}, toldOften...)...)
	default:
		// A job that is left out may have started an instance, or changed its disks. That a copy
		// was lost is remembered all the same: nobody has said that it was mended.
		after.Starts = make(map[string]repair.StartTries)
		for uuid, look := range after.Looks {
			look.Outdated = true
			after.Looks[uuid] = look
		}
		jobs, after.Since, err = firstVerifications(ctx, c, now, newest)
	}
	if err != nil {
		return known, fmt.Errorf("looking for jobs that verify: %w", err)
	}
	after.UpTo = newest
	logs, err := verifyLogs(ctx, c, jobs)
	if err != nil {
		return known, err
	}
	for _, job := range jobs {
		if !job.Status.Final() {
			if job.ID <= after.UpTo {
				after.UpTo = job.ID - 1 // its end is for the next look
			}
			continue
		}
		repair.CountStarts(after.Starts, job)
		repair.OutdateLooks(after.Looks, job)
		for uuid, look := range repair.LooksOf(job) {
			after.Looks[uuid] = look
		}
		for k, op := range job.Ops {
			if op.Status == luxi.JobCanceled || job.Status == luxi.JobCanceled {
				continue
			}
			for uuid, name := range groups {
				if op.Objects().HasGroup(name, uuid) {
					after.Groups[uuid] = verified(after.Groups[uuid], job, op, k, logs[job.ID])
				}
			}
		}
	}
	return after, nil
}

// firstVerifications finds the jobs of the last days where none are known yet, and since
// when none was left out.
func firstVerifications(ctx context.Context, c *luxi.Client, now time.Time, newest luxi.JobID) ([]luxi.JobInfo, int64, error) {
	since := now.Add(-repair.VerifyEvery)
	first, err := c.FirstJobSince(ctx, since, newest)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case newest-first >= pastJobs:
		first, since = newest-pastJobs+1, now
	case first == 1:
		since = now // the queue is younger than that, and so perhaps the cluster
	}
	jobs, err := c.FindJobs(ctx, first, luxi.OpClusterVerifyGroup)
	if err != nil {
		return nil, 0, err
	}
	if first, err = c.FirstJobSince(ctx, now.Add(-disksBack), newest); err != nil {
		return nil, 0, err
	}
	if newest-first >= pastJobs {
		first = newest - pastJobs + 1
	}
	disks, err := c.FindJobs(ctx, first, toldOften...)
	return append(jobs, disks...), since.Unix(), err
}

// verifyLogs reads the logs of the jobs that verify whole groups.
func verifyLogs(ctx context.Context, c *luxi.Client, jobs []luxi.JobInfo) (map[luxi.JobID]luxi.JobLog, error) {
	var ids []luxi.JobID
	for _, job := range jobs {
		for _, op := range job.Ops {
			if op.ID == luxi.OpClusterVerifyGroup && job.Status.Final() {
				ids = append(ids, job.ID)
				break
			}
		}
	}
	logs := make(map[luxi.JobID]luxi.JobLog)
	if len(ids) == 0 {
		return logs, nil
	}
	list, err := c.JobLog(ctx, ids...)
	if err != nil {
		return nil, fmt.Errorf("reading the logs of jobs that verify: %w", err)
	}
	for _, log := range list {
		logs[log.ID] = log
	}
	return logs, nil
}

// verified returns what is known of a group after an opcode that verified it.
func verified(v repair.VerifiedGroup, job luxi.JobInfo, op luxi.JobOp, k int, log luxi.JobLog) repair.VerifiedGroup {
	ended := job.Ended.Unix()
	switch {
	case op.ID == luxi.OpGroupVerifyDisks && op.Status == luxi.JobSuccess && ended >= v.DisksEnded:
		v.DisksEnded, v.Unreached = ended, nil
		if result, err := op.VerifiedDisks(); err == nil {
			d := repair.NewDiskVerification(job, op, result)
			v = v.WithDisks(d)
			v.Unreached = d.Unreached
		}
	case op.ID == luxi.OpClusterVerifyGroup && op.Status == luxi.JobSuccess && ended >= v.Ended:
		v.Ended, v.Complaints = ended, nil
		if k >= len(log.Ops) {
			return v
		}
		for _, line := range log.Ops[k].Lines {
			for _, text := range messages(line.Text) {
				if c, ok := repair.ComplaintOf(text); ok {
					v.Complaints = append(v.Complaints, c)
				}
			}
		}
	}
	return v
}

// messages returns the lines of an entry in a log: a text, or a list of texts as JSON
// (ELOG_MESSAGE_LIST in lib/_constants.py).
func messages(text string) []string {
	var list []string
	if json.Unmarshal([]byte(text), &list) == nil {
		return list
	}
	return []string{text}
}
