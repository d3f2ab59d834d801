package luxitest

import (
	"strings"
	"time"
)

// migrationSteps implements _ExecMigration. The instance moves at its own pace: a transfer that has begun ends whatever becomes
// of the job, unless the job aborts it.
func (mv *move) migrationSteps(d time.Duration) []step {
	return []step{
		{after: 0, do: mv.checkMigration, point: AtExec},
		{after: d * 4 / 10, do: mv.beginTransfer, point: AtTransfer},
		{after: d / 2, do: mv.endTransfer, point: AtMoved},
		{after: 0, do: mv.finalize, point: AtConfig},
		{after: d / 10, do: mv.closeMigration},
	}
}

// transfer is the memory of an instance on its way to another node.
type transfer struct {
	aborted, done bool
}

// checkMigration is the first part of _ExecMigration, up to where the target is prepared.
func (mv *move) checkMigration(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	e.log("Migrating instance %s", i.Name)
	for _, name := range []string{mv.source, mv.target} {
		if msg := mv.rpc(name); msg != "" {
			return execError("Unable to retrieve node information from node '%s': %s", name, msg)
		}
	}
	e.log("* checking disk consistency between source and target")
	if !mv.consistent(e, i, mv.target) {
		return execError("Disk 0 is degraded or not fully synchronized on target node, aborting migration")
	}
	if used := i.usedMemory(); used > mv.targetFree {
		if !mv.op.flag("allow_runtime_changes") {
			return execError("Memory ballooning not allowed and not enough free memory to fit instance %s on target node %s"+
				" (have %dMB, need %dMB)", i.Name, mv.target, mv.targetFree, used)
		}
		e.log("* setting instance memory to %d", mv.targetFree)
		i.RunningMemory = mv.targetFree
	}
	if err := mv.closeDisks(e, mv.target); err != nil {
		return err
	}
	if intMirrored(i.Template) {
		e.log("* changing into standalone mode")
		e.log("* changing disks into dual-master mode")
		e.log("* wait until resync is done")
		if contains(i.Data.Failed, mv.source) {
			// While the two ends are apart a primary without its disk has no storage at all (issue 329 of Ganeti).
			// What the job then sees depends on the kernel; on simulated nodes it waits for ever, and so it does here.
			mv.incident(NoDisk, i, mv.source, "loses all its storage on %s, which has no disk of its own", mv.source)
			i.RunsOn = without(i.RunsOn, mv.source)
			e.hangs = true
			return nil
		}
	}
	e.log("* opening instance disks on node %s in shared mode", mv.source)
	e.log("* opening instance disks on node %s in shared mode", mv.target)
	e.log("* preparing %s to accept the instance", mv.target)
	e.failed = func(*opError) { mv.abort(e, "Pre-migration failed, aborting") }
	return nil
}

// beginTransfer lets the hypervisor begin. From here on the job's log says so.
func (mv *move) beginTransfer(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	for _, name := range []string{mv.target, mv.source} {
		if msg := mv.rpc(name); msg != "" {
			return execError("Could not pre-migrate instance %s: %s", i.Name, msg)
		}
	}
	e.log("* migrating instance to %s", mv.target)
	e.failed = func(*opError) {
		if mv.transfer == nil || !mv.transfer.done {
			mv.abort(e, "Migration failed, aborting")
		}
	}
	if refusal := hypervisors[i.Hypervisor]; refusal != "" {
		return execError("Could not migrate instance %s: Failed to migrate instance: %s", i.Name, refusal)
	}
	e.log("* starting memory transfer")
	t := &transfer{}
	mv.transfer = t
	mv.after(mv.duration(mv.op)/2, func() { mv.arrive(t) })
	return nil
}

// arrive is the end of the transfer.
func (mv *move) arrive(t *transfer) {
	i, err := mv.locked(mv.op)
	if err != nil || t.aborted || !contains(i.RunsOn, mv.source) || !mv.cluster.alive(mv.target) {
		return
	}
	t.done = true
	i.RunsOn = with(without(i.RunsOn, mv.source), mv.target)
	mv.effect("instance %s: moved to %s", i.Name, mv.target)
	mv.cluster.replicate()
	mv.wake()
}

// abort gives a migration up (_AbortMigration, _RevertDiskStatus).
func (mv *move) abort(e *execution, why string) {
	i, err := mv.locked(mv.op)
	if err != nil {
		return
	}
	if mv.transfer != nil {
		mv.transfer.aborted = true
	}
	e.log("%s", why)
	e.log("* closing instance disks on node %s", mv.target)
	mv.logUnmapping(e, i, mv.target)
	if extMirrored(i.Template) {
		e.log("* opening instance disks on node %s in exclusive mode", mv.source)
		return
	}
	e.log("* changing into standalone mode")
	e.log("* changing disks into single-master mode")
	e.log("* wait until resync is done")
}

// endTransfer waits for the end of the transfer and finalizes it on both nodes.
func (mv *move) endTransfer(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	if msg := mv.rpc(mv.source); msg != "" && !mv.transfer.done {
		return execError("Could not migrate instance %s: %s", i.Name, msg)
	}
	if !mv.transfer.done {
		return execError("Could not migrate instance %s: hypervisor returned failure", i.Name)
	}
	e.log("* memory transfer complete")
	var problems []string
	for _, name := range []string{mv.source, mv.target} {
		if msg := mv.rpc(name); msg != "" {
			problems = append(problems, name+": "+msg)
		}
	}
	if problems != nil {
		return execError("Could not finalize instance migration: %s", strings.Join(problems, " "))
	}
	return nil
}

// finalize changes the configuration.
func (mv *move) finalize(*execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	mv.pointTo(i, mv.target)
	mv.effect("instance %s: migrated %s -> %s", i.Name, mv.source, mv.target)
	return nil
}

// closeMigration gives the disks back to one node.
func (mv *move) closeMigration(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	if err := mv.settleDisks(e, i, mv.source, mv.target); err != nil {
		return err
	}
	mv.logUnmapping(e, i, mv.source)
	e.log("* done")
	return nil
}

// settleDisks closes the disks on the node that the instance has left, and makes another one their only user.
func (mv *move) settleDisks(e *execution, i *Instance, demoted, user string) *opError {
	if err := mv.closeDisks(e, demoted); err != nil {
		return err
	}
	if extMirrored(i.Template) {
		e.log("* opening instance disks on node %s in exclusive mode", user)
		if msg := mv.rpc(user); msg != "" {
			return execError("Cannot open instance disks on node %s: %s", user, msg)
		}
		return nil
	}
	e.log("* wait until resync is done")
	e.log("* changing into standalone mode")
	for _, name := range []string{mv.source, mv.target} {
		if msg := mv.rpc(name); msg != "" {
			return execError("Cannot disconnect disks node %s: %s", name, msg)
		}
	}
	e.log("* changing disks into single-master mode")
	e.log("* wait until resync is done")
	return nil
}

func (mv *move) logUnmapping(e *execution, i *Instance, node string) {
	if i.Template == RBD || i.Template == Ext {
		e.log("* unmapping instance's disks None from %s", node)
	}
}

// cleanup is the first part of _ExecCleanup: it finds out where the instance runs and corrects the configuration.
func (mv *move) cleanup(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	e.log("Migrating instance %s", i.Name)
	found, err := mv.locations(e, i)
	if err != nil {
		return err
	}
	if contains(found, mv.source) && contains(found, mv.target) {
		e.log("Trying to cleanup after failed migration")
		i.RunsOn = without(i.RunsOn, mv.target) // FinalizeMigrationDst of kvm and fake
		mv.effect("instance %s: stopped on %s", i.Name, mv.target)
		if found, err = mv.locations(e, i); err != nil {
			return err
		}
	}
	atSource, atTarget := contains(found, mv.source), contains(found, mv.target)
	switch {
	case atSource:
		e.log("* instance confirmed to be running on its primary node (%s)", mv.source)
		return nil
	case !atTarget && len(found) == 1:
		if intMirrored(i.Template) {
			return execError("luxitest: %s, mirrored by drbd, runs on %s, which has no copy: not simulated", i.Name, found[0])
		}
		mv.target = found[0]
		e.log("* instance running on unexpected node (%s), updating as the new secondary", mv.target)
	case !atTarget:
		return execError("Instance does not seem to be running at all; in this case it's safer to repair by running" +
			" 'gnt-instance stop' to ensure disk shutdown, and then restarting it")
	}
	e.log("* instance running on secondary node (%s), updating config", mv.target)
	mv.pointTo(i, mv.target)
	mv.effect("instance %s: primary %s -> %s", i.Name, mv.source, mv.target)
	return nil
}

// locations implements _FindInstanceLocations: the online nodes on which the instance runs.
func (mv *move) locations(e *execution, i *Instance) ([]string, *opError) {
	e.log("* checking where the instance actually runs (if this hangs, the hypervisor might be in a bad state)")
	var found []string
	for _, n := range mv.cluster.Nodes {
		if n.Offline {
			continue
		}
		if msg := mv.rpc(n.Name); msg != "" {
			return nil, execError("Can't contact node %s: %s", n.Name, msg)
		}
		if contains(i.RunsOn, n.Name) {
			found = append(found, n.Name)
		}
	}
	e.log("* instance running on: %s", strings.Join(found, ","))
	return found, nil
}

// cleanupDisks is the rest of _ExecCleanup.
func (mv *move) cleanupDisks(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	demoted := mv.source
	if i.Primary == mv.source {
		demoted = mv.target
	}
	// The disks are opened on what was the primary node when the job began, also where that has changed.
	if err := mv.settleDisks(e, i, demoted, mv.source); err != nil {
		return err
	}
	e.log("* done")
	return nil
}
