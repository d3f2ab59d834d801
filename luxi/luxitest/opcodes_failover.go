package luxitest

import "time"

func (mv *move) failoverSteps(d time.Duration) []step {
	return []step{
		{after: 0, do: mv.shutdownSource, point: AtExec},
		{after: d / 2, do: mv.switchPrimary, point: AtConfig},
		{after: d - d/2, do: mv.startTarget},
	}
}

// shutdownSource is the first part of _ExecFailover. A source that is only flagged offline is not called: if it is in
// truth alive the instance goes on running there.
func (mv *move) shutdownSource(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	e.log("Failover instance %s", i.Name)
	if i.Forthcoming {
		e.log("Instance is forthcoming, just updating the  configuration")
		return nil
	}
	offline, ignore := mv.cluster.Node(mv.source).Offline, mv.op.flag("ignore_consistency")
	if !i.DisksActive {
		e.log("* not checking disk consistency as instance is not running")
	} else {
		e.log("* checking disk consistency between source and target")
		if !mv.consistent(e, i, mv.target) {
			switch {
			case offline:
				e.log("Node %s is offline, ignoring degraded disk 0 on target node %s", mv.source, mv.target)
			case !ignore:
				return execError("Disk 0 is degraded on target node, aborting failover")
			}
		}
	}
	e.log("* shutting down instance on source node")
	switch msg := mv.rpc(mv.source); {
	case msg == "":
		if i.Running() {
			mv.effect("instance %s: stopped on %s", i.Name, mv.source)
		}
		mv.stop(i)
	case ignore || offline:
		e.warn("Could not shutdown instance %s on node %s, proceeding anyway; please make sure node %s is down; error details: %s",
			i.Name, mv.source, mv.source, msg)
	default:
		return execError("Could not shutdown instance %s on node %s: %s", i.Name, mv.source, msg)
	}
	if extMirrored(i.Template) {
		if err := mv.closeDisks(e, mv.source); err != nil {
			return err
		}
	}
	e.log("* deactivating the instance's disks on source node")
	if !mv.shutdownDisks(e, i, true) {
		return execError("Can't shut down the instance's disks")
	}
	return nil
}

// closeDisks implements _CloseInstanceDisks.
func (mv *move) closeDisks(e *execution, node string) *opError {
	e.log("* closing instance disks on node %s", node)
	switch msg := mv.rpc(node); {
	case msg == "":
	case mv.cluster.Node(node).Offline || mv.failover && mv.op.flag("ignore_consistency"):
		e.warn("Could not close instance disks on node %s, proceeding anyway", node)
	default:
		return execError("Cannot close instance disks on node %s: %s", node, msg)
	}
	return nil
}

// switchPrimary changes the configuration, before the instance is started.
func (mv *move) switchPrimary(*execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	if intMirrored(i.Template) && !i.HasDisksOn(mv.target) {
		reachable := mv.rpc(mv.source) == "" && !mv.cluster.isCut(mv.source, mv.target)
		if !reachable || !i.upToDate(mv.source) {
			mv.abandon(i, mv.target)
		}
	}
	mv.pointTo(i, mv.target)
	mv.effect("instance %s: primary %s -> %s", i.Name, mv.source, mv.target)
	return nil
}

// abandon notes that the instance goes to a node whose copy is not complete, and that the complete one cannot be reached
// from there. Its contents count as lost. (drbd would refuse to use such a copy, until a person forces it.)
func (m *Master) abandon(i *Instance, node string) {
	for _, other := range i.Data.On {
		if m.cluster.Node(other).online() {
			m.incident(StaleStart, i, node, "goes to an incomplete copy on %s while %s has a complete one", node, other)
		}
	}
	i.Data.replaced("failover to an unsynchronised replica on " + node)
	m.adopt(i, node)
	for _, other := range i.Data.On {
		i.Data.lost = i.Data.lost.with(i.Data.writes[node].lacking(i.Data.writes[other])...)
	}
}

func (mv *move) startTarget(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	if i.AdminState != AdminUp || i.Forthcoming {
		return nil
	}
	e.log("* activating the instance's disks on target node %s", mv.target)
	if !mv.assemble(e, i, true) {
		mv.shutdownDisks(e, i, false)
		return execError("Can't activate the instance's disks")
	}
	e.log("* starting the instance on the target node %s", mv.target)
	if msg := mv.rpc(mv.target); msg != "" {
		mv.shutdownDisks(e, i, false)
		return execError("Could not start instance %s on node %s: %s", i.Name, mv.target, msg)
	}
	if !contains(i.RunsOn, mv.target) {
		mv.effect("instance %s: started on %s", i.Name, mv.target)
	}
	mv.hypervisorStart(i, mv.target)
	return nil
}
