package vcluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strings"
	"time"
)

// Reset brings a used cluster back to the state after Start, save for names and
// numbers that Ganeti does not reuse: all daemons run, no job is left, nor are
// instances, tags, node flags, hooks, job filters, the logs of watchers, or a
// pause of the watcher or drain of the queue. All jobs are killed. What Reset
// does not know of, such as changed cluster parameters, node groups or a new
// master, stays.
func (c *Cluster) Reset(ctx context.Context) error {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"remove hooks", c.resetHooks},
		{"start daemons", c.resetDaemons},
		{"end jobs", c.resetJobs},
		{"clear node flags", c.resetNodes},
		{"remove instances", c.resetInstances},
		{"remove tags", c.resetTags},
		{"archive jobs", c.archiveJobs},
		{"remove files", c.resetFiles},
	} {
		began := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("vcluster: reset: %s: %w", step.what, err)
		}
		c.logf("reset: %s (%v)", step.what, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

func (c *Cluster) resetHooks(context.Context) error {
	for _, node := range c.Nodes() {
		if err := c.removeContent(c.hookDir(node)); err != nil {
			return err
		}
	}
	return nil
}

// removeContent empties a directory.
func (c *Cluster) removeContent(dirInside string, suffixes ...string) error {
	p, err := c.privatePath(dirInside)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(p)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, e := range entries {
		wanted := len(suffixes) == 0
		for _, s := range suffixes {
			wanted = wanted || strings.HasSuffix(e.Name(), s)
		}
		if wanted {
			if err := c.RemoveFile(path.Join(dirInside, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// resetDaemons starts what is missing, in the order of dependence.
func (c *Cluster) resetDaemons(ctx context.Context) error {
	ensure := func(node, daemon string) error {
		pid, err := c.DaemonPid(ctx, node, daemon)
		if err != nil || pid != 0 {
			return err
		}
		if err := c.RemoveFile(c.pidFile(node, daemon)); err != nil {
			return err
		}
		return c.StartDaemon(ctx, node, daemon)
	}
	for _, node := range c.Nodes() {
		if err := ensure(node, Noded); err != nil {
			return err
		}
	}
	for _, daemon := range []string{Confd, Wconfd, Luxid, Rapi} {
		if err := ensure(masterName, daemon); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) resetJobs(ctx context.Context) error {
	if err := c.undrainQueue(ctx); err != nil {
		return err
	}
	if _, err := c.Call(ctx, "SetWatcherPause", nil); err != nil {
		return err
	}
	filters, err := c.Query(ctx, "filter", []string{"uuid"}, nil)
	if err != nil {
		return err
	}
	for _, row := range filters {
		if _, err := c.Call(ctx, "DeleteFilter", row[0]); err != nil {
			return err
		}
	}
	return c.KillJobs(ctx)
}

// KillJobs ends all jobs, those that run by killing their processes, and waits
// until that is so.
func (c *Cluster) KillJobs(ctx context.Context) error {
	jobs, err := c.Jobs(ctx)
	if err != nil {
		return err
	}
	// The last first, so that no job starts because another ended.
	for i := len(jobs) - 1; i >= 0; i-- {
		if jobs[i].Final() {
			continue
		}
		const kill = true
		if _, err := c.Call(ctx, "CancelJob", jobs[i].ID, kill); err != nil {
			return err
		}
	}
	return c.WaitJobsDone(ctx)
}

// undrainQueue lets the queue accept jobs again. Ganeti 3.0 never answers the
// request to undrain a queue that is not drained.
func (c *Cluster) undrainQueue(ctx context.Context) error {
	result, err := c.Call(ctx, "QueryConfigValues", []string{"drain_flag"})
	if err != nil {
		return err
	}
	var drained []bool
	if err := json.Unmarshal(result, &drained); err != nil {
		return err
	}
	if len(drained) == 1 && drained[0] {
		_, err = c.Call(ctx, "SetDrainFlag", false)
	}
	return err
}

func (c *Cluster) resetNodes(ctx context.Context) error {
	rows, err := c.Query(ctx, "node", []string{"name", "offline", "drained", "vm_capable", "master_capable", "master_candidate"}, nil)
	if err != nil {
		return err
	}
	var jobs [][]Opcode
	for _, row := range rows {
		var name string
		var offline, drained, vmCapable, masterCapable, candidate bool
		if err := unpack(row, &name, &offline, &drained, &vmCapable, &masterCapable, &candidate); err != nil {
			return err
		}
		var ops []Opcode
		if offline {
			ops = append(ops, nodeOpcode(name, "offline", false))
		}
		if drained {
			ops = append(ops, nodeOpcode(name, "drained", false))
		}
		if !vmCapable {
			ops = append(ops, nodeOpcode(name, "vm_capable", true))
		}
		if !masterCapable {
			ops = append(ops, nodeOpcode(name, "master_capable", true))
		}
		if ops != nil {
			jobs = append(jobs, ops)
		}
	}
	_, err = c.RunJobs(ctx, jobs...)
	return err
}

func (c *Cluster) resetInstances(ctx context.Context) error {
	names, err := c.Instances(ctx)
	if err != nil {
		return err
	}
	jobs := make([][]Opcode, len(names))
	for i, name := range names {
		jobs[i] = []Opcode{{
			"OP_ID":            "OP_INSTANCE_REMOVE",
			"instance_name":    name,
			"ignore_failures":  true,
			"shutdown_timeout": 0,
		}}
	}
	_, err = c.RunJobs(ctx, jobs...)
	return err
}

func (c *Cluster) resetTags(ctx context.Context) error {
	objects := [][2]string{{"cluster", ""}}
	for _, kind := range [][2]string{{"node", "node"}, {"group", "nodegroup"}} {
		rows, err := c.Query(ctx, kind[0], []string{"name"}, nil)
		if err != nil {
			return err
		}
		for _, row := range rows {
			var name string
			if err := unpack(row, &name); err != nil {
				return err
			}
			objects = append(objects, [2]string{kind[1], name})
		}
	}
	var ops []Opcode
	for _, o := range objects {
		tags, err := c.Tags(ctx, o[0], o[1])
		if err != nil {
			return err
		}
		if len(tags) > 0 {
			ops = append(ops, tagOpcode("OP_TAGS_DEL", o[0], o[1], tags))
		}
	}
	if ops == nil {
		return nil
	}
	return c.runJob(ctx, ops...)
}

func (c *Cluster) archiveJobs(ctx context.Context) error {
	// Jobs that ended 0 s ago, that is all: Ganeti 3.0 takes the -1 that
	// "gnt-job autoarchive all" sends for none.
	const age, timeout = 0, 60 // seconds
	result, err := c.Call(ctx, "AutoArchiveJobs", age, timeout)
	if err != nil {
		return err
	}
	var count [2]int // archived and left
	if err := json.Unmarshal(result, &count); err != nil {
		return err
	}
	if count[1] != 0 {
		return fmt.Errorf("%d jobs are left", count[1])
	}
	return nil
}

func (c *Cluster) resetFiles(context.Context) error {
	if err := c.RemoveFile(callsFile); err != nil {
		return err
	}
	for _, node := range c.Nodes() {
		root := c.Root(node)
		for _, dir := range []string{
			c.hypervisorDir(node),
			root + "/srv/ganeti/file-storage",
			root + "/srv/ganeti/shared-file-storage",
		} {
			if err := c.removeContent(dir); err != nil {
				return err
			}
		}
		if err := c.ForgetWatcher(node); err != nil {
			return err
		}
	}
	return nil
}

// ForgetWatcher removes what the node's watcher keeps from run to run, such as
// its counts of restarts, and its log.
func (c *Cluster) ForgetWatcher(node string) error {
	if err := c.removeContent(c.Root(node)+"/var/lib/ganeti", ".watcher.data", ".instance-status", "watcher.pause"); err != nil {
		return err
	}
	return c.RemoveFile(c.WatcherLog(node))
}

// ForgetJobs removes the files of all jobs from the node's queue. luxid must not
// run meanwhile.
func (c *Cluster) ForgetJobs(node string) error {
	queue := c.Root(node) + "/var/lib/ganeti/queue"
	if err := c.removeContent(queue + "/archive"); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.HostPath(queue))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "job-") {
			if err := c.RemoveFile(path.Join(queue, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
