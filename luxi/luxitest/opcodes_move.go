package luxitest

// prepareMove is INSTANCE_FAILOVER and INSTANCE_MIGRATE (py:cmdlib/instance_migration.py), which share their checks.
func (m *Master) prepareMove(op *queuedOp) (*execution, *opError) {
	failover := op.id == "OP_INSTANCE_FAILOVER"
	if err := m.expandInstance(op, failover); err != nil {
		return nil, err
	}
	if err := m.expandNode(op, "target_node"); err != nil {
		return nil, err
	}
	mv := &move{Master: m, op: op, failover: failover}
	return &execution{
		locks: m.instanceLocks(op, func(i *Instance) []string {
			switch {
			case !extMirrored(i.Template):
				return i.Nodes()
			case op.text("target_node") == "":
				return m.allNodes()
			}
			return []string{i.Primary, op.text("target_node")}
		}),
		check: func(e *execution) *opError {
			if err := mv.check(e); err != nil {
				return err
			}
			e.steps = mv.steps()
			return nil
		},
	}, nil
}

// move is TLMigrateInstance.
type move struct {
	*Master
	op             *queuedOp
	failover       bool
	source, target string
}

func (mv *move) check(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	fallback, cleanup := mv.op.flag("allow_failover"), mv.op.flag("cleanup")
	if !cleanup && i.AdminState != AdminUp && !mv.failover && fallback {
		e.info("Instance is marked down or offline, fallback allowed, switching to failover")
		mv.failover = true
	}
	mv.source = i.Primary
	if err := mv.chooseTarget(e, i); err != nil {
		return err
	}
	if !cleanup && (!mv.failover || i.AdminState == AdminUp) {
		if err := mv.checkMemory(mv.target, "migrating instance "+i.Name, i.Memory); err != nil {
			return err
		}
	} else {
		e.info("Not checking memory on the secondary node as instance will not be started")
	}
	if cleanup {
		return nil
	}
	if err := mv.checkNotDrained(mv.target); err != nil {
		return err
	}
	if mv.failover {
		return nil
	}
	problem := mv.rpc(i.Primary)
	if problem == "" && !i.Running() {
		problem = "Instance " + i.Name + " is not running"
	}
	switch {
	case problem != "" && fallback:
		e.info("Can't migrate, instance offline, fallback to failover")
		mv.failover = true
	case problem != "":
		return prereq(codeState, "Can't migrate, please use failover: %s", problem)
	}
	return nil
}

func (mv *move) chooseTarget(e *execution, i *Instance) *opError {
	what, done := "migrations", "migrated"
	if mv.failover {
		what, done = "failovers", "failed over"
	}
	switch {
	case extMirrored(i.Template):
		given := mv.op.text("target_node") != ""
		if err := mv.chooseAllocator(mv.op, given); err != nil {
			return err
		}
		mv.target = mv.op.text("target_node")
		if !given {
			target, err := mv.relocate(e, i, mv.op.text("iallocator"), i.Primary)
			if err != nil {
				return err
			}
			mv.target = target
			e.info("Selected nodes for instance %s via iallocator %s: %s", i.Name, mv.op.text("iallocator"), target)
		}
		if mv.target == i.Primary {
			return prereq(codeState, "Cannot migrate instance %s to its primary (%s)", i.Name, i.Primary)
		}
		mv.keepNodes(e, []string{i.Primary, mv.target})
	case intMirrored(i.Template):
		mv.target = i.Secondaries[0]
		if t := mv.op.text("target_node"); mv.op.text("iallocator") != "" || t != "" && t != mv.target {
			return prereq(codeInval, "Instances with disk types %s cannot be %s to arbitrary nodes"+
				" (neither an iallocator nor a target node can be passed)", i.Template, done)
		}
	case i.Template == Mixed:
		return &opError{"OpPrereqError", []string{"Instance mixes internal and external mirroring. This is not currently supported."}}
	default:
		return prereq(codeState, "Instance's disk layout '%s' does not allow %s", i.Template, what)
	}
	return nil
}

func (mv *move) steps() []step {
	d := mv.duration(mv.op)
	if !mv.failover {
		return []step{
			{after: 0, do: mv.checkMigration},
			{after: d * 9 / 10, do: mv.transfer, config: true},
			{after: d / 10, do: func(*execution) *opError { return nil }},
		}
	}
	return []step{
		{after: 0, do: mv.shutdownSource},
		{after: d / 2, do: mv.switchPrimary, config: true},
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
		return nil
	}
	offline := mv.cluster.Node(mv.source).Offline
	ignore := mv.op.flag("ignore_consistency")
	if i.AdminState == AdminUp && intMirrored(i.Template) && !mv.inSync(i) {
		switch {
		case offline:
			e.log("Node %s is offline, ignoring degraded disk 0 on target node %s", mv.source, mv.target)
		case !ignore:
			return execError("Disk 0 is degraded on target node, aborting failover")
		}
	}
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
	for _, s := range i.Secondaries {
		if n := mv.cluster.Node(s); n.Dead && !n.Offline {
			return execError("Can't shut down the instance's disks")
		}
	}
	return nil
}

// inSync reports whether the drbd replica on the target is whole and connected to a primary that answers.
func (mv *move) inSync(i *Instance) bool {
	return i.HasDisksOn(mv.target) && mv.rpc(mv.target) == "" && mv.rpc(mv.source) == ""
}

// switchPrimary changes the configuration, before the instance is started.
func (mv *move) switchPrimary(*execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	if intMirrored(i.Template) {
		i.Secondaries = []string{mv.source}
		if !i.HasDisksOn(mv.target) {
			i.Data.replaced("failover to an unsynchronised replica on " + mv.target)
			i.Data.On = with(i.Data.On, mv.target)
		}
	}
	i.Primary = mv.target
	mv.effect("instance %s: primary %s -> %s", i.Name, mv.source, mv.target)
	return nil
}

func (mv *move) startTarget(*execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	if i.AdminState != AdminUp || i.Forthcoming {
		return nil
	}
	if !mv.assemble(i, true) {
		return execError("Can't activate the instance's disks")
	}
	i.RunsOn = with(i.RunsOn, mv.target)
	mv.effect("instance %s: started on %s", i.Name, mv.target)
	return nil
}

// checkMigration is the first part of _ExecMigration.
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
	if intMirrored(i.Template) && !mv.inSync(i) {
		return execError("Disk 0 is degraded or not fully synchronized on target node, aborting migration")
	}
	return nil
}

// transfer moves the running instance and, after that, its primary node.
func (mv *move) transfer(*execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	for _, name := range []string{mv.source, mv.target} {
		if msg := mv.rpc(name); msg != "" {
			return execError("Could not migrate instance %s: %s", i.Name, msg)
		}
	}
	if mv.op.flag("cleanup") {
		return nil
	}
	i.RunsOn = with(without(i.RunsOn, mv.source), mv.target)
	i.Primary = mv.target
	if intMirrored(i.Template) {
		i.Secondaries = []string{mv.source}
	}
	mv.effect("instance %s: migrated %s -> %s", i.Name, mv.source, mv.target)
	return nil
}
