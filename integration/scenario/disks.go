package scenario

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"ganeti-autorepair/integration/record"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// observe reads what passes are told beside the configuration, as the program does before
// each of them; in stories without disks to look after there is nothing to tell.
func (w *World) observe() error {
	if w.Settings.Disks != repair.WatchRepair && w.Settings.Relocate != repair.WatchRepair && w.seen.StatusTime.IsZero() && !w.Settings.Marking.On && !w.looked {
		return nil
	}
	w.seen.Now = w.now()
	return w.asPerson(func() error {
		ctx := context.Background()
		if err := read.ReadRoles(ctx, w.client, &w.seen); err != nil {
			return err
		}
		verified, err := read.ReadVerifications(ctx, w.client, w.seen.Groups, w.seen.Now, w.seen.Verified)
		w.seen.Verified = verified
		return err
	})
}

// verifyDisks does what ganeti-watcher does in each of its runs: it writes down what runs,
// verifies the disks of each node group, archives that job, and activates the disks that are
// listed. It waits for all of that.
func (w *World) verifyDisks() error {
	c := w.Master.Snapshot()
	w.seen.Status, w.seen.StatusTime = make(map[string]string), w.Master.Now()
	for _, i := range c.Instances {
		w.seen.Status[i.Name] = watcherStatus(c, i, record.Status(c, i))
	}
	for _, g := range c.Groups {
		id, err := w.watch("GROUP_VERIFY_DISKS", map[string]any{"group_name": g.Name})
		if err != nil {
			return err
		}
		var listed []string
		err = w.asPerson(func() error {
			jobs, err := w.client.QueryJobs(context.Background(), []luxi.JobID{id})
			if err != nil || jobs[0].Status != luxi.JobSuccess {
				return err
			}
			found, err := jobs[0].Ops[0].VerifiedDisks()
			listed = found.Inactive
			_, _ = w.client.ArchiveJob(context.Background(), id)
			return err
		})
		if err != nil {
			return err
		}
		for _, name := range listed {
			if w.secondaryOffline(name) {
				continue
			}
			if _, err := w.watch("INSTANCE_ACTIVATE_DISKS", map[string]any{"instance_name": name}); err != nil {
				return err
			}
		}
	}
	return nil
}

// watcherRuns does what a node's cron does: ganeti-watcher runs so many times, so far
// apart, and each time first lets the program do a pass.
func (w *World) watcherRuns(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for ; n > 0; n-- {
		w.Pass()
		if err := w.watcher(); err != nil {
			return err
		}
		if err := w.verifyDisks(); err != nil {
			return err
		}
		if err := w.wait(args[1:]); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) secondaryOffline(instance string) bool {
	c := w.Master.Snapshot()
	i := c.Instance(instance)
	return i == nil || len(i.Secondaries) > 0 && c.Node(i.Secondaries[0]).Offline
}

// watch submits a job as ganeti-watcher and waits until it has ended, or for a minute.
func (w *World) watch(op string, params map[string]any) (luxi.JobID, error) {
	params["OP_ID"] = "OP_" + op
	params["reason"] = []any{[]any{"gnt:watcher", "watcher", w.Master.Now().UnixNano()}}
	var id int64
	err := w.asPerson(func() error {
		return w.client.Call(context.Background(), "SubmitJob", []any{[]any{params}}, &id)
	})
	for k := 0; err == nil && k < 60; k++ {
		if j := w.Master.Job(id); !j.End.IsZero() {
			break
		}
		w.Master.Advance(time.Second)
	}
	return luxi.JobID(id), err
}

// disk changes what is true of an instance's disk on a node.
func disk(change func(i *luxitest.Instance, node string)) func(*World, []string) error {
	return diskOf(func(_ *luxitest.Cluster, i *luxitest.Instance, node string) { change(i, node) })
}

// diskOf is disk for a change that depends on nodes.
func diskOf(change func(c *luxitest.Cluster, i *luxitest.Instance, node string)) func(*World, []string) error {
	return func(w *World, args []string) error {
		return w.onInstance(args[0], func(c *luxitest.Cluster, i *luxitest.Instance) { change(c, i, args[1]) })
	}
}

// mendDisk makes the disk usable again, if its volumes are still there, and the node at the
// other end is: drbd takes it back, and copies what it lacks.
func mendDisk(c *luxitest.Cluster, i *luxitest.Instance, node string) {
	for _, name := range i.Nodes() {
		if n := c.Node(name); n.Offline || n.Dead {
			return
		}
	}
	var failed []string
	for _, n := range i.Data.Failed {
		if n != node || !i.HasDisksOn(node) {
			failed = append(failed, n)
		}
	}
	i.Data.Failed = failed
}

// split makes each copy of the instance's disk have writes that the other lacks.
func (w *World) split(args []string) error {
	c := w.Master.Snapshot()
	i := c.Instance(args[0])
	for k := 0; i != nil && k < len(c.Nodes); k++ {
		name, pair := c.Nodes[k].Name, false
		for _, node := range i.Nodes() {
			pair = pair || node == name
		}
		if pair != i.HasDisksOn(name) || pair && i.FaultyOn(name) {
			return fmt.Errorf("what is lost, or is no copy of the pair, takes no writes")
		}
	}
	return w.onInstance(args[0], func(_ *luxitest.Cluster, i *luxitest.Instance) { i.Diverge() })
}
